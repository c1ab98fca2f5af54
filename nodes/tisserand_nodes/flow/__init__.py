"""Nodes that decide what runs: sub-flows, loops, branches, waits, failures, logs."""
