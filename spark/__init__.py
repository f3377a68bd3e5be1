"""The Spark jobs: the only code that imports pyspark. Started as a process by ``crmsearch ingest``, or by ``spark-submit``."""
