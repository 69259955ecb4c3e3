"""The tracker of a running mission, fed by the log."""
