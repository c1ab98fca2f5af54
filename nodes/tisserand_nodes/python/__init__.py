"""Steps in user's Python, run in a process of their own."""
