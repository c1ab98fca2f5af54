"""Gateways: plan, push, drift, rollback, usage; and the embedded one, a child of the executor."""
