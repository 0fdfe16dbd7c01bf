"""Links from the API reference to the lines of the source, in the repository that ``project.urls`` names."""

import inspect
import os
import sys
from functools import reduce
from pathlib import Path

import skcolorize
from skcolorize._base import project_url

_ROOT = Path(skcolorize.__file__).parents[1]
#: What Read the Docs builds; elsewhere the newest there is.
_STATE = os.environ.get("READTHEDOCS_GIT_COMMIT_HASH", "main")


def source_address(domain, info):
    """The address of a documented object's source; None for what is not ours or has none."""
    repository = project_url("Repository")
    if domain != "py" or not repository:
        return None
    try:
        found = inspect.unwrap(reduce(getattr, info["fullname"].split("."), sys.modules[info["module"]]))
        lines, first = inspect.getsourcelines(found)
        path = Path(inspect.getsourcefile(found)).relative_to(_ROOT / "skcolorize").as_posix()
    except (AttributeError, KeyError, TypeError, ValueError, OSError):  # data, or from another package
        return None
    return f"{repository}/blob/{_STATE}/skcolorize/{path}#L{first}-L{first + len(lines) - 1}"
