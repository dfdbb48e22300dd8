"""Every line of Python in the README, the docs and the docstrings runs."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import reactivex
import reactivex.operators
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import rxstream
from rxstream import testing
from rxstream.journal import Journal
from rxstream.testing import FakeAsyncClient, TaskServer, assert_nothing_left, completed
from tests.typing.pages import PAGES

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # pages write files
    with assert_nothing_left(), TaskServer(pending=0.02, running=0.05) as server:
        monkeypatch.setenv("STREAM_API_KEY", server.api_key)
        monkeypatch.setenv("STREAM_API_SECRET", server.api_secret)
        monkeypatch.setenv("STREAM_BASE_URL", server.url)
        monkeypatch.setattr(logging.getLogger("rxstream"), "handlers", [])
        for example in Sybil(parsers=[PythonCodeBlockParser()]).parse(page).examples():
            example.namespace.clear()
            example.namespace["__name__"] = "__main__"
            example.evaluate()


def code_in_docstrings() -> list[Any]:
    """The indented blocks after `::` that are Python; diagrams are not."""
    found: list[Any] = []
    for file in sorted((ROOT / "rxstream").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            blocks = re.findall(r"::\n\n((?: {4}.*\n|\n)+)", f"{ast.get_docstring(node)}\n")
            for block in map(textwrap.dedent, blocks):
                name = f"{file.relative_to(ROOT)}:{getattr(node, 'name', 'module')}"
                if re.search(r"[a-z_]\(|import ", block) and not re.search("[─├→]", block):
                    found.append(pytest.param(block, id=name))
    return found


@pytest.mark.parametrize("code", code_in_docstrings())
def test_the_code_of_a_docstring_runs(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = rxstream.task_observable(FakeAsyncClient(completed()), "id")
    names = {name: getattr(door, name) for door in (rxstream, testing) for name in door.__all__}
    names["observable"] = source
    names |= {"rx": reactivex, "ops": reactivex.operators, "Path": Path, "Journal": Journal}
    names |= {"client": testing.FakeClient(completed()), "task_ids": ["a", "b"]}
    body = textwrap.indent(code, "    ")
    exec(f"async def main():\n{body}\n", names)
    with assert_nothing_left():
        asyncio.run(names["main"]())


def test_there_is_code_in_docstrings() -> None:
    assert len(code_in_docstrings()) >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
