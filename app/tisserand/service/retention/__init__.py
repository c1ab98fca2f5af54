"""What the executor does not keep for ever: data, then runs, by age, size and flow."""
