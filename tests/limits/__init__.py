"""The gate held against servers of every kind: `python -m tests.limits`."""
