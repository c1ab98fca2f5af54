"""Events that flows are started for: kept before they are acknowledged, served exactly once, and seen when nothing serves them."""
