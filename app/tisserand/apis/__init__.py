"""API management: what is offered, to whom, under which terms, and the gateways that enforce it."""
