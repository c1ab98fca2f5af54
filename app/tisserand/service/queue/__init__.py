"""The queue of runs: whose turn it is, what is under way, and what is paused."""
