"""From files of detections to tables of tracks: the verb ``fuse``."""
