"""Relational databases: their connection, reading and writing."""
