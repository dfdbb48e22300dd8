"""The front door: its names, for people, Python and type checkers, and what importing it brings."""

from __future__ import annotations

import ast
import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rxstream
from rxstream import client, errors, testing

LAZY = [rxstream, testing]
# What costs time to import, and is nobody's business before it is asked for.
HEAVY = [
    "aiohttp",
    "anyio",
    "asyncio",
    "cryptography",
    "dataclasses",
    "httpcore",
    "httpx",
    "jwt",
    "logging",
    "reactivex",
    "rich",
    "starlette",
    "uvicorn",
]

each_door = pytest.mark.parametrize("door", LAZY, ids=lambda door: door.__name__)


def fresh(code: str) -> str:
    """Run code in an interpreter of its own; give what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def brought_by(code: str, *modules: str) -> set[str]:
    """Which of these modules the code has imported."""
    report = f"print(*({list(modules)} & sys.modules.keys()))".replace("[", "{").replace("]", "}")
    return set(fresh(f"import sys\n{code}\n{report}").split())


def for_type_checkers(door: Any) -> dict[str, str]:
    """The names that a package imports under TYPE_CHECKING, each with its module."""
    tree = ast.parse(Path(door.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    found: dict[str, str] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "without `as`, type checkers take it for private"
            found[alias.name] = node.module or alias.name
    return found


# -- names -----------------------------------------------------------------------------------------


@each_door
def test_python_and_type_checkers_see_the_same_names(door: Any) -> None:
    assert set(door.__all__) - {"__version__"} == set(for_type_checkers(door))


@each_door
def test_each_name_is_that_of_its_module(door: Any) -> None:
    for name, home in for_type_checkers(door).items():
        module = importlib.import_module(f"{door.__name__}.{home}")
        assert getattr(door, name) is (module if home == name else getattr(module, name))


@each_door
def test_dir_shows_what_a_user_needs_and_nothing_private(door: Any) -> None:
    assert dir(door) == sorted(door.__all__)
    assert not [name for name in dir(door) if name.startswith("_") and name != "__version__"]


def test_every_exception_and_type_is_at_the_front_door() -> None:
    assert set(errors.__all__) <= set(rxstream.__all__)
    assert set(client.__all__) <= set(rxstream.__all__)
    assert {"Delays", "Duration", "RetryOn", "Schedule", "Signal", "Tasks"} <= set(dir(rxstream))


@each_door
def test_a_name_that_is_not_there_is_an_attribute_error(door: Any) -> None:
    with pytest.raises(AttributeError, match=f"^module '{door.__name__}' has no attribute 'no'"):
        _ = door.no
    with pytest.raises(ImportError, match="cannot import name 'no'"):
        exec(f"from {door.__name__} import no", {})


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    code = "import rxstream\nrxstream.task_observabel"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Did you mean: 'task_observable'?" in done.stderr


@each_door
def test_a_star_gives_every_name(door: Any) -> None:
    names: dict[str, Any] = {}
    exec(f"from {door.__name__} import *", names)
    assert {name: names[name] for name in door.__all__} == {
        name: getattr(door, name) for name in door.__all__
    }


def test_a_name_is_imported_once() -> None:
    code = (
        "import rxstream\n"
        "assert 'Gate' not in vars(rxstream)\n"
        "gate = rxstream.Gate\n"
        "assert vars(rxstream)['Gate'] is gate"
    )
    fresh(code)


# -- what it brings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "import rxstream",
        "import rxstream; dir(rxstream); rxstream.__all__; rxstream.__version__",
        "import rxstream.testing",
    ],
)
def test_importing_it_brings_nothing_heavy(code: str) -> None:
    assert brought_by(code, *HEAVY) == set()


def test_the_pytest_plugin_brings_nothing_that_pytest_has_not() -> None:
    code = "import pytest\nbefore = set(sys.modules)\nimport rxstream.testing.pytest_plugin\n"
    brought = fresh(f"import sys\n{code}print(*sorted(sys.modules.keys() - before))").split()
    assert brought == [
        "rxstream",
        "rxstream._lazy",
        "rxstream._version",
        "rxstream.testing",
        "rxstream.testing.pytest_plugin",
    ]


def test_only_the_clients_bring_their_http_library() -> None:
    others = ", ".join(sorted(set(rxstream.__all__) - set(client.__all__)))
    http = ("httpx", "httpcore", "jwt", "cryptography", "aiohttp", "rich", "anyio")
    assert brought_by(f"from rxstream import {others}", *http) == set()


def test_a_client_brings_its_http_library_and_no_other() -> None:
    modules = ("httpx", "aiohttp", "rxstream.progress_bar", "starlette")
    assert brought_by("from rxstream import AsyncStreamClient", *modules) == {"httpx"}


def test_exceptions_are_unpickled_without_an_http_library() -> None:
    error = errors.TaskTimeoutException(task_id="t1", timeout=3.0, polls=2)
    code = (
        f"import pickle, sys\nerror = pickle.loads({pickle.dumps(error)!r})\n"
        "from rxstream import TaskTimeoutException\n"
        "assert type(error) is TaskTimeoutException and error.polls == 2\n"
        "assert not {'httpx', 'reactivex'} & sys.modules.keys()"
    )
    fresh(code)
