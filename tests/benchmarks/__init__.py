"""Benchmarks: `python -m tests.benchmarks [name ...] [--quick]`, at the repository's root."""
