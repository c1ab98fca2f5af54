"""Mail: the connection to a server, and sending."""
