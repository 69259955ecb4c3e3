"""Memory and proof: the append-only log, samples, pieces, signatures."""
