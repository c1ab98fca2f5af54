"""Nodes that turn tables into tables."""
