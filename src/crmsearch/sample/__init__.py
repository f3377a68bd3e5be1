"""A seeded generator of messy CRM exports, with the truth about which records are one customer."""

from crmsearch.sample.files import AS_OF, SampleReport, make_sample

__all__ = ["AS_OF", "SampleReport", "make_sample"]
