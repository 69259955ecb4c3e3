"""Tracks: what the sensors' detections say about things that move and stand, with honest uncertainty.

``engine`` takes in one look after the other: ``pairing`` gives its detections to tracks, ``life`` begins,
joins and ends tracks, ``columns`` keeps the order of what drives together, ``state`` is what a track is at a
moment, and ``sensors`` tells who is off and who is believed. ``files`` (the verb ``fuse``) and ``live`` (a
running mission) feed it.
"""
