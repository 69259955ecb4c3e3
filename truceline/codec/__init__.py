"""Formats, both ways, without I/O: bytes in, nouns out."""
