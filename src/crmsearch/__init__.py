"""crmsearch: CRM exports in, a searchable customer base out."""

__all__ = ["__version__"]

__version__ = "0.1.0"
