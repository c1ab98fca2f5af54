"""What the journal tells of load, success and duration, by flow and by time."""
