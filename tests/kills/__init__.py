"""Processes that are killed with SIGKILL while they wait with a journal."""
