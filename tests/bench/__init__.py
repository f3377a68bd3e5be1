"""What crmsearch costs: the connector against plain bulk requests, the main job as a whole, the API against Elasticsearch itself."""
