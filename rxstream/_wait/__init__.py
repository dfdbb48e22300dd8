"""The waits themselves: the engine, its pauses, and what users call."""
