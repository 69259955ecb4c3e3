"""Ways in: one file per kind of source."""
