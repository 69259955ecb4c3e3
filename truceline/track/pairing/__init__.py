"""Which detection of a look belongs to which track."""
