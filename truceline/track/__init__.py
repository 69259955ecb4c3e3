"""From rows to tracks."""
