"""What runs wait for: moments, signals, decisions; and what wakes them."""
