"""The API catalogue and its gateways."""
