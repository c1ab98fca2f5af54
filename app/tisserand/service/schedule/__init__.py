"""Schedules: due times, and the ledger in which each gets exactly one verdict."""
