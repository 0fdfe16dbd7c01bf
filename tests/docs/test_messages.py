"""The page of messages quotes messages that the code has."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "user_guide" / "errors.rst"
QUOTED = re.findall(r'^"(.+)"$', PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def texts():
    """The package's source, with strings that go over several lines put together."""
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "skcolorize").rglob("*.py"))]
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(sources))


@pytest.mark.parametrize("line", QUOTED)
def test_a_quoted_message_exists(line, texts):
    for message in line.split('", "'):
        for part in re.split(r"\.\.\.|\bN\b", message):
            assert part.strip(" .:,;") in texts
