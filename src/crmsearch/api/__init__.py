"""The HTTP API, version 1: thin handlers over the search service. The only importer of litestar."""
