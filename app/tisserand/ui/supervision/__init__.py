"""Supervision: what ran, what runs, and how the flows of a workspace do."""
