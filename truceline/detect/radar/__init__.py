"""Radar change: a series of backscatter scenes, one date at a time."""
