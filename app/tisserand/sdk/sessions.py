"""How each DuckDB that computes formulas is set, so that a batch, a single event and a preview give the same, and fail on the same rows."""

from __future__ import annotations

SESSION = "SET TimeZone='UTC'; SET GLOBAL ieee_floating_point_ops=false"
"""Moments are in UTC. The root or the logarithm of what has none is an error, as the table of functions says, not a number that is none."""
