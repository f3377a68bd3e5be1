"""Search, facets and statistics: pure builders and parsers, and the one module that talks to Elasticsearch."""
