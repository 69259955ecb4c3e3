"""The agreement as code, and its judge."""
