"""Published flows: each answers HTTP from a process of its own."""
