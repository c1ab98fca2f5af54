"""Business keys: where a value went, across flows and runs; and taking it out again."""
