"""Who did what to the executor: append-only, each entry sealed by the one before."""
