"""The front doors: what is public is there, documented, and nothing else leaks."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest

import rxstream
from rxstream.errors import StreamException

DOORS = [
    "rxstream",
    "rxstream.errors",
    "rxstream.backoff",
    "rxstream.operators",
    "rxstream.testing",
    "rxstream.client",
    "rxstream.journal",
    "rxstream.progress_bar",
    "rxstream.compat.getstream",
    "rxstream.hub",
    "rxstream.webhooks",
    "rxstream.webhooks.starlette",
    "rxstream.results",
]


@pytest.mark.parametrize("door", DOORS)
def test_all_names_exist(door: str) -> None:
    module = importlib.import_module(door)
    assert len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        assert hasattr(module, name), name


def documented() -> list[Any]:
    return [
        pytest.param(getattr(importlib.import_module(door), name), id=f"{door}.{name}")
        for door in DOORS
        for name in importlib.import_module(door).__all__
        if callable(getattr(importlib.import_module(door), name))
        and hasattr(getattr(importlib.import_module(door), name), "__module__")
        and getattr(importlib.import_module(door), name).__module__ != "typing"
    ]


@pytest.mark.parametrize("thing", documented())
def test_everything_public_has_a_docstring(thing: Any) -> None:
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for name, member in vars(thing).items():
            if not name.startswith("_") and inspect.isfunction(member):
                assert inspect.getdoc(member), f"{thing.__name__}.{name}"


def test_every_exception_has_the_one_root() -> None:
    for name in rxstream.errors.__all__:
        thing = getattr(rxstream.errors, name)
        if inspect.isclass(thing):
            assert issubclass(thing, StreamException)


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version  # noqa: PLC0415 -- only here

    assert version("rxstream") == rxstream.__version__


def test_importing_it_brings_neither_the_kit_nor_a_thread_nor_a_handler() -> None:
    code = (
        "import rxstream, sys, threading, logging;"
        "assert 'rxstream.testing' not in sys.modules;"
        "assert 'uvicorn' not in sys.modules;"
        "assert 'rxstream.progress_bar' not in sys.modules;"
        "assert 'rxstream.webhooks' not in sys.modules;"
        "assert 'starlette' not in sys.modules;"
        "assert threading.active_count() == 1;"
        "assert not logging.getLogger('rxstream').handlers"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_kit_without_its_extra_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from rxstream.testing import FakeClient\n"
        "try:\n    from rxstream.testing import TaskServer\n"
        "except ImportError as error:\n    assert 'rxstream[testing]' in str(error)\n"
        "else:\n    raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_bar_without_its_extra_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['rich'] = None\n"
        "import rxstream\n"
        "try:\n    import rxstream.progress_bar\n"
        "except ImportError as error:\n    assert 'rxstream[progress]' in str(error)\n"
        "else:\n    raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize(
    ("example", "lines"),
    [
        ("quickstart.py", ["announced: completed, timed out, failed", "worker.go:214"]),
        ("quickstart_sync.py", ["announced: completed, timed out, failed", "worker.go:214"]),
        ("webhook.py", ["announced: completed after", "forged webhook   401", "and 2 polls"]),
    ],
)
def test_an_example_ends_as_announced(
    example: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STREAM_API_KEY", "STREAM_API_SECRET", "STREAM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run(
        [sys.executable, "-W", "error", f"examples/{example}"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "all went as announced: " in done.stdout
    for line in lines:
        assert line in done.stdout
    assert not done.stderr
