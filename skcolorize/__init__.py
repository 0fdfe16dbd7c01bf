"""Colour black-and-white photos with a scikit-learn estimator.

Names are resolved on first use (PEP 562): importing the package loads neither PyTorch nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from . import color, datasets, inspection, metrics, preprocessing
    from ._batch import colorize_files
    from ._colorizer import Colorizer
    from ._show_versions import show_versions

_HOMES = {
    "Colorizer": "._colorizer",
    "colorize_files": "._batch",
    "show_versions": "._show_versions",
}
_MODULES = ("color", "datasets", "inspection", "metrics", "preprocessing")

__all__ = [  # in full, for type checkers
    "Colorizer",
    "__version__",
    "color",
    "colorize_files",
    "datasets",
    "inspection",
    "metrics",
    "preprocessing",
    "show_versions",
]


if not TYPE_CHECKING:  # it would make every name known

    def __getattr__(name: str):
        if name in _HOMES:
            return getattr(import_module(_HOMES[name], __name__), name)
        if name in _MODULES:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
