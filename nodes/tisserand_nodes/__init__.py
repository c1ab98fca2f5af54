"""The standard nodes, one file each, by family."""
