"""Outcomes as texts and back: what comes out is equal to what went in.

Texts are JSON. They are read as what they are, data of unknown origin: only the values and the
exceptions that are named here can come out of one. What a task sent stands in it as it was, and is
never interpreted.
"""

from .common import RecordError
from .reading import from_record
from .writing import to_record

__all__ = ["RecordError", "from_record", "to_record"]
