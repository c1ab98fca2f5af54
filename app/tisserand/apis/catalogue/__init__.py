"""The files of the catalogue: read, checked, written, searched."""
