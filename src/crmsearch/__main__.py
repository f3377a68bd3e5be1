"""``python -m crmsearch``."""

from crmsearch.cli import main

if __name__ == "__main__":
    main()
