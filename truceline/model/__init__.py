"""The nouns of Truceline: words, units and doors."""
