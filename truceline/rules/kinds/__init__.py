"""One file per rule type of an agreement."""
