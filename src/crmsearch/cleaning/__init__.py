"""Cleaning: pure rules from a raw cell to a clean value or a reason, and from a raw row to a customer document."""
