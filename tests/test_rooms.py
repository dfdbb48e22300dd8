"""The house: imports point one way, without cycles, and a line knows its room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rxstream"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the bottom of the house to the top: a room imports only from rooms before it.
ORDER = [
    "_version",
    "_checks",
    "_snapshot",
    "errors",
    "backoff",
    "_clock",
    "_lanes",
    "_wire",
    "_workers",
    "_schedulers",
    "_async_iterable",
    "_failures",
    "_attempt",
    "_in_place",
    "_fetch",
    "_per_object",
    "_pace",
    "_gate",
    "_pauses",
    "_log",
    "_polling",
    "_poller",
    "_tasks",
    "_fan_in",
    "_items",
    "_tally",
    "operators",
    "_batch",
    "progress",
    "client",
    "__init__",
    "testing",
]
ONLY_IN = {
    "httpx": {"client"},
    "jwt": {"client", "testing"},
    "random": {"backoff"},
    "time": {"_clock"},
    "logging": {"_log", "operators", "testing"},
    "starlette": {"testing"},
    "uvicorn": {"testing"},
    "pytest": {"testing"},
    "rich": {"progress"},
    "reactivex.scheduler": {"_async_iterable", "_schedulers", "_tasks", "testing"},
}
WIRE_KEYS = {"created_at", "updated_at", "stacktrace", "exception_fields", "more_info"}


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports_of(file: Path) -> list[tuple[str, bool]]:
    """Each module that a file imports, absolute, and whether only for type checkers."""
    found: list[tuple[str, bool]] = []
    tree = ast.parse(file.read_text())
    typing_only = {
        id(inner) for node in ast.walk(tree) if is_for_types(node) for inner in ast.walk(node)
    }
    package = ["rxstream", *file.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in typing_only) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module in {"rxstream", ".".join(package)} and node.level:
                names = [f"{module}.{alias.name}" for alias in node.names]
                found += [(name, id(node) in typing_only) for name in names]
            else:
                found.append((module, id(node) in typing_only))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path) -> None:
    room = room_of(file)
    for module, typing_only in imports_of(file):
        if not module.startswith("rxstream.") or typing_only:
            continue
        other = module.split(".")[1]
        if other in ORDER and other != room:
            assert ORDER.index(other) < ORDER.index(room), f"{room} imports {other}"
        elif other not in ORDER:
            assert room in {"client", "testing", "__init__"}, f"{room} imports {module}"


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room_of(file) for file in FILES} == set(ORDER)


@pytest.mark.parametrize("extra", ["testing", "progress"])
def test_nobody_imports_an_extra(extra: str) -> None:
    for file in FILES:
        if room_of(file) != extra:
            name = f"rxstream.{extra}"
            assert not [m for m, _ in imports_of(file) if m == name or m.startswith(f"{name}.")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_stand_at_the_top_of_their_file(file: Path) -> None:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inner, f"{file.name}:{inner[0].lineno}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_line_knows_its_room(file: Path) -> None:
    room = room_of(file)
    for module, typing_only in imports_of(file):
        for name, rooms in ONLY_IN.items():
            if (module == name or module.startswith(f"{name}.")) and not typing_only:
                assert room in rooms, f"{room} imports {module}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nobody_sleeps_or_asks_the_wall_clock(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            assert not called.endswith(".sleep"), f"{file.name}:{node.lineno}"
            assert called not in {"datetime.now", "datetime.utcnow"}, f"{file.name}:{node.lineno}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_keys_of_the_wire_are_known_in_two_rooms_only(file: Path) -> None:
    if room_of(file) in {"_snapshot", "_wire", "testing"}:
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in WIRE_KEYS, f"{file.name}:{node.lineno}"


def test_modules_stay_small() -> None:
    long = {file.name: n for file in FILES if (n := len(file.read_text().splitlines())) > 290}
    assert not long
