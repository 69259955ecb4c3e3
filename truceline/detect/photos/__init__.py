"""Single photos: what they state, and where they lie by their overlap."""
