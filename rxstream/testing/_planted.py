"""Scripts as the command line says them."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, NamedTuple

from ._answers import completed, failed, hang, reset
from ._faults import http_error
from ._script import Script

if TYPE_CHECKING:
    from ._answers import Answer

__all__ = ["Planted", "planted", "turns"]


class Planted(NamedTuple):
    """A task that exists from the beginning."""

    task_id: str
    script: Script


def planted(text: str) -> Planted:
    """Read `ID=ANSWER[,ANSWER...]`.

    Raises:
        ArgumentTypeError: It is something else.
    """
    task_id, is_there, answers = text.partition("=")
    if not task_id or not is_there:
        msg = f"{text!r} is not ID=ANSWER[,ANSWER...], such as export-1=running,failed"
        raise ArgumentTypeError(msg)
    return Planted(task_id, turns(answers))


def turns(text: str) -> Script:
    """Read `ANSWER[,ANSWER...]`.

    Raises:
        ArgumentTypeError: It is something else.
    """
    return Script.turns(*(_answer(each) for each in text.split(",")))


def _answer(text: str) -> Answer | str:
    name, _, reason = text.strip().partition(":")
    if not name:
        msg = "an answer is empty: write a status, an HTTP error such as 503, hang or reset"
        raise ArgumentTypeError(msg)
    if name.isdecimal():
        return _http_error(name)
    if name == "failed":
        return failed(reason or "planted on the command line")
    return {"completed": completed({}), "hang": hang(), "reset": reset()}.get(name, name)


def _http_error(code: str) -> Answer:
    try:
        return http_error(int(code))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
