"""Writes each Python block of the README and the docs into a file of its own, for type checkers.

`python -m tests.typing.pages FOLDER`; each line keeps its number, so that an error names the line
of the page.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def write(folder: Path) -> int:
    """Write all blocks and the settings of both checkers; give how many blocks there are."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "typeCheckingMode": "strict",
                "pythonVersion": "3.11",
                # The official SDKs have no types.
                "reportMissingTypeStubs": False,
                # A page may show an import alone.
                "reportUnusedImport": False,
            }
        )
    )
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = True\n[mypy-getstream.*,stream_chat.*]\nignore_missing_imports = True\n"
        # Run in a checkout, mypy finds this package as source, which is checked on its own.
        "[mypy-rxstream.*]\nwarn_unused_ignores = False\n"
    )
    count = 0
    for page in PAGES:
        name = "_".join(page.relative_to(ROOT).with_suffix("").parts).replace("-", "_")
        for example in Sybil(parsers=[PythonCodeBlockParser()]).parse(page).examples():
            # The line of the fence; the code begins below it.
            code = "\n" * example.line + str(example.parsed)
            (folder / f"{name}_{example.line}.py").write_text(code)
            count += 1
    return count


if __name__ == "__main__":
    print(write(Path(sys.argv[1])), "blocks")  # noqa: T201 -- the gate shows it
