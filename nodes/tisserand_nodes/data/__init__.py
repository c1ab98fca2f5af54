"""Nodes that bring data of their own."""
