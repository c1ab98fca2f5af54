"""The catalogue of APIs: what is offered, to whom, under which terms."""
