"""Loads our pytest plugin after coverage has started; its entry point is off in pyproject.toml."""

pytest_plugins = ["rxstream.testing.pytest_plugin", "pytester"]
