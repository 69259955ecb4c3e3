"""The one pipeline, and the only place that appends to the log."""
