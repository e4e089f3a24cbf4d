"""The log between collectors and analyzers: in memory, in SQLite, or Kafka."""
