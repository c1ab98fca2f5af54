"""A workspace: folders, environments, connections, secrets."""
