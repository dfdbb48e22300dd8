"""The plan of the house: what each room may import, and which line lives in which room."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parent.parent / "rxstream"
FILES: Final = sorted(PACKAGE.rglob("*.py"))

ALL_PRIVATE: Final = {"_checks", "_text", "_json", "_values", "_shared", "_time"} | {
    "_wire",
    "_call",
    "_gate",
    "_merge",
}
# From the bottom of the house to the top. A room imports only rooms that stand before it, and of
# those only the ones that are named here.
MAY_IMPORT: Final[dict[str, set[str]]] = {
    "_lazy": set(),
    "_version": set(),
    "_checks": set(),
    "_text": set(),
    "_frozen": set(),
    "_json": {"_checks", "_text"},
    "_values": {"_frozen", "_json", "_text"},
    "_batch": set(),
    "results": set(),
    "errors": {"_text"},
    "_store": set(),
    "_records": {"_text", "_values", "errors"},
    "backoff": {"_checks"},
    "_shared": set(),
    "_time": {"_shared"},
    "_wire": {"_checks", "_text", "_values", "_time", "errors"},
    "_call": {"_shared", "_time", "_wire", "errors"},
    "_gate": {"_checks", "_shared", "_time"},
    "_merge": {"_shared", "_time"},
    "_async_iterable": {"_checks", "_time"},
    "_run": {"_async_iterable", "_time"},
    "_wait": ALL_PRIVATE
    | {"_async_iterable", "_frozen", "_records", "_store", "backoff", "errors"},
    "_start": ALL_PRIVATE | {"_batch", "_wait", "backoff", "errors"},
    "operators": ALL_PRIVATE - {"_shared", "_call"} | {"_wait", "errors"},
    "webhooks": {"_checks", "_merge", "_text", "_time", "_wire", "errors"},
    "hub": {"_checks", "_shared", "_wait", "backoff"},
    "client": {"_batch", "_checks", "_shared", "_store", "_text", "_time", "_values", "_version"}
    | {"_wait", "_wire", "backoff", "errors"},
    "journal": {"_records", "_shared", "_store", "_time", "_values", "_wait", "errors"},
    "progress_bar": {"_checks", "_text", "_time", "_gate", "_merge", "_wait"},
    "compat": {"errors"},
    "__init__": {
        "_async_iterable",
        "_gate",
        "_lazy",
        "_run",
        "_start",
        "_values",
        "_version",
        "_wait",
    }
    | {"_wait", "backoff", "client", "errors", "hub", "operators", "results", "webhooks"},
    "testing": {"_call", "_checks", "_lazy", "_time", "_values", "_wait", "_wire"}
    | {"client", "errors"},
}
NOBODY_IMPORTS: Final = {"compat", "progress_bar", "testing", "__init__"}
ONLY_IN: Final = {
    "httpx": {"client"},
    "httpcore": {"client"},
    "getstream": {"compat"},
    "jwt": {"client", "testing"},
    "random": {"backoff"},
    "time": {"_time"},
    "logging": {"_wait", "operators", "testing"},
    "starlette": {"testing", "webhooks"},
    "uvicorn": {"testing"},
    "pytest": {"testing"},
    "rich": {"progress_bar"},
    "sqlite3": {"journal"},
    "reactivex.scheduler": {"_async_iterable", "_run", "_time", "_wait", "testing"},
}
WIRE_KEYS: Final = {"created_at", "updated_at", "stacktrace", "exception_fields", "more_info"}
MOST_LINES: Final = 260

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(file: Path) -> set[str]:
    """Each module that a file imports, by its full name; not those for type checkers only.

    A lazy package imports later what it imports for type checkers (tests/unit/test_front_door.py).
    """
    tree = ast.parse(file.read_text())
    is_lazy = "lazy_names(" in file.read_text()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not is_lazy:
            node.body = []
    package = ["rxstream", *file.relative_to(PACKAGE).parts[:-1]]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            is_front_door = module == "rxstream"
            found |= {f"{module}.{alias.name}" if is_front_door else module for alias in node.names}
    return found


@each_file
def test_a_room_imports_only_what_the_plan_says(file: Path) -> None:
    room = room_of(file)
    rooms = {name.split(".")[1] for name in imports_of(file) if name.startswith("rxstream.")}
    assert rooms - {room} <= MAY_IMPORT[room]


def test_the_plan_has_every_room_and_points_one_way() -> None:
    order = list(MAY_IMPORT)
    assert set(order) == {room_of(file) for file in FILES}
    for room, others in MAY_IMPORT.items():
        assert not others & NOBODY_IMPORTS
        assert all(order.index(other) < order.index(room) for other in others), room


@each_file
def test_a_line_knows_its_room(file: Path) -> None:
    for module in imports_of(file):
        for name, rooms in ONLY_IN.items():
            if module == name or module.startswith(f"{name}."):
                assert room_of(file) in rooms, module


@each_file
def test_imports_stand_at_the_top_of_their_file(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inner, f"{file.name}:{inner[0].lineno}"


@each_file
def test_nobody_sleeps_or_asks_the_wall_clock(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert not called.endswith(".sleep"), f"{file.name}:{node.lineno}"
            assert called not in {"datetime.now", "datetime.utcnow"}, f"{file.name}:{node.lineno}"


@each_file
def test_only_the_wire_and_the_kit_know_the_keys_of_the_wire(file: Path) -> None:
    if room_of(file) in {"_wire", "testing"}:
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in WIRE_KEYS, f"{file.name}:{node.lineno}"


@each_file
def test_modules_stay_small(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= MOST_LINES
