"""Mining: what the behaviour of customers tells of them. Pure functions and tables; ``docs/mining.md`` explains them."""
