"""Boxes of a video as tracks: followed in the picture, joined over gaps, smoothed on the ground."""
