"""The forms in which things come and go over HTTP: bodies, answers, items, drawings, samples."""
