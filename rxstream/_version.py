"""The version of this package, read by the build and sent to Stream."""

from typing import Final

__version__: Final = "0.1.0"
