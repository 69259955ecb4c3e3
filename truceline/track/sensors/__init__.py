"""How sensors lie to one another, and which are believed."""
