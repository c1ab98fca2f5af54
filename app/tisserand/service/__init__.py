"""The executor: journal, protocol, control API, and later schedules and triggers."""
