"""Plays cells in a process of its own: one a line of standard input, a report a line of output."""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Final

from .connections import AUTHORITY
from .noise import NOISE

try:
    import resource
except ImportError:  # Windows
    resource = None

MOST_MEMORY: Final = 6 * 1024**3


def main() -> None:
    """Play until there are no more."""
    if resource is not None:
        # Whoever reads without end is to fail here, and not to take the machine along.
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("STREAM_"):
            del os.environ[name]
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "ca.pem"
        AUTHORITY.cert_pem.write_to_path(bundle)
        os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
        # Only now: aiohttp reads the certificates when it is imported.
        cells = import_module("tests.matrix.cell")
        columns = import_module("tests.matrix.clients").COLUMNS
        moments = import_module("tests.matrix.moments").MOMENTS
        faults = import_module("tests.matrix.faults").every_fault()
        NOISE.listen()
        # What was imported stays; looking at it in each collection is most of a cell's work.
        gc.collect()
        gc.freeze()
        for line in sys.stdin:
            column, moment, fault = line.rstrip("\n").split("\t")
            cell = cells.Cell(faults[fault], moments[moment], columns[column])
            output.write(json.dumps(asdict(cell.run())) + "\n")
            output.flush()


if __name__ == "__main__":
    main()
