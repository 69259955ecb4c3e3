"""Optical change: two multispectral scenes of one place."""
