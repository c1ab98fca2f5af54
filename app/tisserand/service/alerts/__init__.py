"""What is unusual, told once, to whom it concerns, and no longer told when it is over."""
