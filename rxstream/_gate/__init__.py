"""How many polls at once, and how fast."""
