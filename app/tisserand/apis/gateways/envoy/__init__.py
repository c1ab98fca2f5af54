"""Envoy as a gateway: the one that comes with Tisserand and runs as a child of the executor."""
