"""APIs: flows that answer requests, and who called what."""
