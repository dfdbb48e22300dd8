"""Write every picture and every generated table of the documentation."""

from __future__ import annotations

import sys

from .book import DOCS, generated


def main() -> None:
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"written: {path.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()
