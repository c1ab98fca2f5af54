"""Planning and running flows."""
