"""Public docstrings pass numpydoc's checks, and the API reference names all that is public and no more."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import skcolorize

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc comes with the extra [docs]").validate

API = Path(__file__).parents[2] / "docs" / "api.rst"
# House style: summary on the first line; explanations, See Also and examples where they help; results have
# names (as in scikit-learn); descriptions may begin with a dtype or with sRGB.
NOT_ASKED = {"GL01", "ES01", "SA01", "SA04", "EX01", "RT02", "PR08", "RT04", "SS02"}
NOT_LISTED = {"skcolorize.metrics.Evaluation"}  # told with evaluate
MODULES = [name for name in skcolorize.__all__ if name in skcolorize._MODULES]


def public_names() -> list[str]:
    top = [f"skcolorize.{name}" for name in skcolorize._HOMES]
    names = [f"{name}.{n}" for name in MODULES for n in import_module(f"skcolorize.{name}").__all__]
    return top + [name for name in map("skcolorize.{}".format, names) if name not in NOT_LISTED]


def documented_objects() -> list[str]:
    """Public functions and classes, and what the classes define themselves."""
    names = []
    for name in public_names():
        module, _, last = name.rpartition(".")
        thing = getattr(import_module(module), last)
        names.append(name)
        if inspect.isclass(thing):
            names += [
                f"{name}.{member}"
                for member, value in vars(thing).items()
                if not member.startswith(("_", "set_")) and callable(getattr(thing, member)) and value.__doc__
            ]
    return names


@pytest.mark.parametrize("name", documented_objects())
def test_docstring_passes_numpydocs_checks(name):
    faults = [f"{code}: {text}" for code, text in validate(name)["errors"] if code not in NOT_ASKED]
    assert not faults, "\n".join(faults)


def test_api_reference_names_all_that_is_public():
    module, listed = "", set()
    for line in API.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif re.fullmatch(r"   \w+", line):
            listed.add(f"{module}.{line.strip()}")
    assert listed == set(public_names())
