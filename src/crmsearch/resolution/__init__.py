"""Entity resolution: which records are one customer, and what that customer's document says.

``features`` takes from a document what is compared; ``keys`` says which records are compared at all; ``compare`` gives each field a level
of the table in ``levels``; ``weights`` makes a probability of them; ``components`` and ``clusters`` make customers of pairs;
``survivorship`` makes one document of many.
All pure; ``spark/pairs.py`` and ``spark/resolve.py`` run them over a whole customer base.
"""
