"""What a track is at a moment: motion, history, class, and where sensors look."""
