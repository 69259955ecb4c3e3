"""The earth: local metres, offsets from a line, cameras, rasters."""
