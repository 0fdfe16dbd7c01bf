"""What a bug report needs to know of an installation."""

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from ._version import __version__


def show_versions() -> None:
    """Print the versions of Python, skcolorize and what it builds on, and the devices of PyTorch.

    Examples
    --------
    >>> from skcolorize import show_versions
    >>> show_versions()
    skcolorize: ...
    """
    import torch

    print(f"skcolorize: {__version__}")
    print(f"python: {sys.version.split()[0]} ({sys.executable})")
    print(f"machine: {platform.platform()}")
    for name in _dependencies():
        try:
            print(f"{name}: {version(name)}")
        except PackageNotFoundError:
            print(f"{name}: not installed")
    print(f"torch threads: {torch.get_num_threads()}")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    print(f"cuda: {', '.join(gpus) or 'none'}")


def _dependencies() -> list[str]:
    """Names of all packages that the package's metadata ask for, those of extras too."""
    try:
        needed = requires("skcolorize") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        needed = ["scikit-learn", "torch", "torchvision", "numpy", "scikit-image", "joblib", "pillow"]
    names = dict.fromkeys(re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in needed)
    names.pop("skcolorize", None)  # as extras name it
    return list(names)
