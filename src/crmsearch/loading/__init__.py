"""Loads: full ones, incremental ones, and those that only write files."""

from crmsearch.loading.changes import load_changes
from crmsearch.loading.files import clean_to_files
from crmsearch.loading.full import KEPT_GENERATIONS, load_customers, rebuild_customers, restore_customers, writing
from crmsearch.loading.options import IngestOptions, OnEvent, Runner
from crmsearch.loading.reports import report_page

__all__ = [
    "KEPT_GENERATIONS",
    "IngestOptions",
    "OnEvent",
    "Runner",
    "clean_to_files",
    "load_changes",
    "load_customers",
    "rebuild_customers",
    "report_page",
    "restore_customers",
    "writing",
]
