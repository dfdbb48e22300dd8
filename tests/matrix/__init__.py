"""Every fault at every moment with every client: `python -m tests.matrix`."""
