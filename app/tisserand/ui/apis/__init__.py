"""The pages of API management: the catalogue, terms and consumers, gateways, usage; and publishing a flow."""
