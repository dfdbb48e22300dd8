"""Every line of Python in the README and the docs runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from rxstream.testing import TaskServer, assert_nothing_left

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with assert_nothing_left(), TaskServer(pending=0.02, running=0.05) as server:
        monkeypatch.setenv("STREAM_API_KEY", server.api_key)
        monkeypatch.setenv("STREAM_API_SECRET", server.api_secret)
        monkeypatch.setenv("STREAM_BASE_URL", server.url)
        for example in Sybil(parsers=[PythonCodeBlockParser()]).parse(page).examples():
            example.namespace.clear()
            example.namespace["__name__"] = "__main__"
            example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
