"""Backends that compute relations: DuckDB, embedded."""
