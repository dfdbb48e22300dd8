"""Checks of a request's JSON body, and the refusal that Stream sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeAlias, cast

from .._checks import is_whole
from ._auth import Refused
from ._faults import http_error

__all__ = ["Body", "Check", "flag", "listed", "needed", "one_of", "read_body", "refuse", "whole"]

Body: TypeAlias = Mapping[str, Any]
Check: TypeAlias = Callable[[Body], None]
"""Raises `Refused`, with the 400 that says what is wrong."""

_NAMES: Final[dict[type, str]] = {str: "a string", dict: "an object"}


def read_body(body: bytes) -> Body:
    """Read a request's body: a JSON object, or nothing.

    Raises:
        Refused: It is neither.
    """
    if not body.strip():
        return {}
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        refuse("the body is not a JSON object")
    return cast("dict[str, Any]", data)


def refuse(problem: str, name: str | None = None) -> NoReturn:
    """Refuse a request with a 400 of Stream's, code 4.

    Args:
        problem: What is wrong.
        name: The field that it is about; the text begins with it.

    Raises:
        Refused: Always.
    """
    if name is None:
        raise Refused(http_error(400, message=problem))
    text = f"{name} {problem}"
    raise Refused(http_error(400, message=text, exception_fields={name: text}))


def listed(
    name: str, most: int | None = None, *, kind: type = str, is_needed: bool = True
) -> Check:
    """A list that holds something.

    Args:
        name: The field.
        most: How many entries it may have; None: as many as you like.
        kind: The type of its entries.
        is_needed: Whether the field must be there.
    """

    def check(body: Body) -> None:
        items: object = body.get(name)
        if items is None and not is_needed:
            return
        if not isinstance(items, list) or not items:
            refuse("must be a list with at least one element", name)
        entries = cast("list[object]", items)
        if not all(isinstance(entry, kind) and entry for entry in entries):
            refuse(f"has an element that is not {_NAMES[kind]}", name)
        if most is not None and len(entries) > most:
            refuse(f"cannot exceed {most} elements", name)

    return check


def needed(name: str, kind: type = str) -> Check:
    """A string that is not empty, or an object, which must be there."""

    def check(body: Body) -> None:
        value: object = body.get(name)
        if not isinstance(value, kind) or value == "":
            refuse(f"is required and must be {_NAMES[kind]}", name)

    return check


def one_of(name: str, *values: str) -> Check:
    """One of these values, where the field is there."""

    def check(body: Body) -> None:
        if body.get(name) is not None and body[name] not in values:
            refuse(f"must be one of {', '.join(values)}", name)

    return check


def flag(name: str) -> Check:
    """True or false, where the field is there."""

    def check(body: Body) -> None:
        if not isinstance(body.get(name), bool | None):
            refuse("must be true or false", name)

    return check


def whole(name: str, least: int) -> Check:
    """A whole number, where the field is there."""

    def check(body: Body) -> None:
        value: object = body.get(name)
        if value is not None and not (is_whole(value) and value >= least):
            refuse(f"must be a whole number, {least} or more", name)

    return check
