"""Things in pictures and clips: networks, what moves, and where it stands on the ground."""
