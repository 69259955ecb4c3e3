"""From observations to rows: one file per detector, and a folder per kind of sensor for what is behind it."""
