"""Bridges to other libraries, one module each; none is imported unless you do."""

__all__: list[str] = []
