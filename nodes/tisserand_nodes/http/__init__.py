"""HTTP: the connection, and requests as a source or row by row."""
