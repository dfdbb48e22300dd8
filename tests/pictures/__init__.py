"""The pictures and tables of the documentation: `python -m tests.pictures` writes them anew."""
