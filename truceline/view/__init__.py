"""What is known, folded from the log."""
