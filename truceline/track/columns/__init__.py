"""Names of vehicles that drive in a column, by their order."""
