"""The table of who may import whom, in the contributing page, is true of the code."""

import ast
import csv
import re
from pathlib import Path

import pytest

import skcolorize

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "skcolorize"
# The package's front and the lookup of versions stand at the door, not in a room.
AT_THE_DOOR = {"__init__", "__main__", "_version", "_show_versions"}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def read_table() -> dict[str, list[str]]:
    page = (ROOT / "docs" / "contributing.rst").read_text(encoding="utf-8")
    rows = page.split(":name: imports", 1)[1].strip().split("\n\n", 1)[0]
    names = [
        [re.findall(r"``([\w.]+)``", cell) for cell in row]
        for row in csv.reader(rows.splitlines(), skipinitialspace=True)
    ]
    return {room: allowed for rooms, allowed in names for room in rooms}


def imported(path: Path) -> list[str]:
    """Dotted names inside the package that a file imports, at its top or in its functions."""
    inside = ["skcolorize", *path.relative_to(PACKAGE).parts[:-1]]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            start = inside[: len(inside) - node.level + 1] if node.level else []
            found += [[*start, *module, alias.name] for alias in node.names]
    names = [".".join(name[1:]) for name in found if name[0] == "skcolorize" and len(name) > 1]
    # what the front door hands out comes from a room
    return [skcolorize._HOMES.get(name, name).removeprefix(".") for name in names]


def room_of(name: str) -> str:
    return name.partition(".")[0]


def test_every_room_stands_in_the_table():
    rooms = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in SOURCES} - AT_THE_DOOR
    assert rooms <= read_table().keys()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_what_the_table_allows(path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if room in AT_THE_DOOR:
        front = [
            *skcolorize._HOMES.values(),
            *skcolorize._MODULES,
        ]  # told to type checkers
        allowed = {"__main__": ["cli"], "__init__": [home.removeprefix(".") for home in front]}.get(room, [])
    else:
        allowed = [room, *read_table()[room]]
    strangers = {
        name
        for name in imported(path)
        if room_of(name) not in {"__version__", "_version"}
        and not any(name == other or name.startswith(f"{other}.") for other in allowed)
    }
    assert not strangers, f"{room} may import {allowed}"


@pytest.mark.parametrize("room", ["networks", "inference", "training"])
def test_no_scikit_learn_where_torch_lives(room):
    assert "sklearn" not in _libraries(room)


@pytest.mark.parametrize("room", ["color", "images", "metrics", "preprocessing", "datasets"])
def test_no_torch_where_numpy_does(room):
    assert not _libraries(room) & {"torch", "torchvision"}


def _libraries(room: str) -> set[str]:
    paths = [path for path in SOURCES if path.relative_to(PACKAGE).with_suffix("").parts[0] == room]
    assert paths
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {room_of(name) for name in names}
