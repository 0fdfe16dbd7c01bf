"""Every Python block of the user guide, the front page and the README runs, in a folder with photos.

A block with ``>>>`` is a doctest. A block that can't run here is marked by a comment in front of it::

    .. not run: needs two GPUs

Addresses of buckets are those of fsspec's memory file system here. Fits run one epoch at 64 pixels: what is
tested is that the lines work, not how good the colours are.
"""

import doctest
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skcolorize.datasets import load_example_images
from skcolorize.images import gray_levels

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "index.rst", *sorted((DOCS / "user_guide").glob("*.rst"))]
BLOCK = re.compile(
    r"(?:^\.\. (not run: .+)\n\n)?"
    r"^(?P<indent> *)\.\. code-block:: python\n((?:\n|(?P=indent) +.*\n)+)",
    re.MULTILINE,
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[int, str]]:
    """Line and text of each block of a page that is to run."""
    text = page.read_text(encoding="utf-8") + "\n"
    found = BLOCK.finditer(text)
    return [
        (text[: match.start(3)].count("\n") + 1, textwrap.dedent(match[3])) for match in found if not match[1]
    ]


def run(text: str, page: Path, line: int, names: dict) -> None:
    if ">>>" not in text:
        exec(compile("\n" * (line - 1) + text, str(page), "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), line)
    test.globs = names  # a copy would lose the names for the next block
    report = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)


@pytest.fixture
def photo_folder(tmp_path, monkeypatch):
    """The working folder: colour photos in my_photos/, gray ones in old_photos/ and as grandma.jpg."""
    examples = load_example_images()
    for folder in ("my_photos", "old_photos"):
        (tmp_path / folder).mkdir()
    for name, pixels in list(zip(examples.filenames, examples.images, strict=True))[:5]:
        image = Image.fromarray(pixels)
        image.thumbnail((160, 160))
        image.save(tmp_path / "my_photos" / f"{Path(name).stem}.jpg")
    for name in ("chelsea.jpg", "china.png"):
        image = Image.open((tmp_path / "my_photos" / name).with_suffix(".jpg"))
        Image.fromarray(gray_levels(np.asarray(image))).save(tmp_path / "old_photos" / name)
    (tmp_path / "grandma.jpg").write_bytes((tmp_path / "old_photos" / "chelsea.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def one_epoch(monkeypatch):
    from skcolorize import Colorizer

    fit = Colorizer.fit

    def quick_fit(self, X, y=None):
        asked = {"max_iter": self.max_iter, "image_size": self.image_size}
        try:
            return fit(self.set_params(max_iter=1, image_size=64), X, y)
        finally:
            self.set_params(**asked)

    monkeypatch.setattr(Colorizer, "fit", quick_fit)


@pytest.fixture
def bucket(photo_folder):
    """fsspec's memory file system, with the photos under bucket/photos."""
    fsspec = pytest.importorskip("fsspec", reason="the guide's buckets need fsspec, of the extra [remote]")
    memory = fsspec.filesystem("memory")
    for path in (photo_folder / "my_photos").iterdir():
        memory.pipe_file(f"/bucket/photos/{path.name}", path.read_bytes())
    yield
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_blocks_of_a_page_run(page, photo_folder, one_epoch, request):
    found = blocks(page)
    if any("s3://" in text for _, text in found):
        request.getfixturevalue("bucket")
    names = {"__name__": "__main__"}
    for line, text in found:
        run(text.replace("s3://", "memory://"), page, line, names)


def test_the_lines_of_the_readme_run(photo_folder, one_epoch):
    page = DOCS.parent / "README.md"
    text = page.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    run(block, page, text[: text.index(block)].count("\n") + 1, {"__name__": "__main__"})
    assert (photo_folder / "mine.npz").exists()


def test_no_block_is_missed():
    """Blocks in other dress (``::``, doctest paragraphs, python3) would not run."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        outside = BLOCK.sub("", text + "\n")
        assert ">>>" not in outside and not re.search(
            r"code(-block)?:: (python|py|pycon|ipython)", outside
        ), page
