"""Index names, mappings, life cycle and the Elasticsearch client."""
