"""Gateways: what is declared is pushed to them, read back, and compared. One package or file for each kind."""
