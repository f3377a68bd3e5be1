"""Judged questions of every kind, put to the search and to two plain baselines over the same customers."""
