"""What each Ibis operation means for a row, by family."""
