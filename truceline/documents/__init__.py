"""What a mission publishes: one file per document."""
