"""From observations to rows: one file per detector."""
