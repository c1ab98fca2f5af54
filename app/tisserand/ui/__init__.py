"""The designer."""
