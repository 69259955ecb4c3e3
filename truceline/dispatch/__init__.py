"""Who could go where, and what that leaves uncovered."""
