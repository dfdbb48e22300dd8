"""A long run against a server that is killed again and again: `python -m tests.soak`."""
