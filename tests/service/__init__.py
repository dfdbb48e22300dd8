"""The web service of examples/service.py, over a real socket and in a real browser."""
