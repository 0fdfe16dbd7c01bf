"""The demo: it learns, says so beside the gray floor, and draws what it did."""

import re

import numpy as np
import pytest
from PIL import Image

from skcolorize.cli import main
from skcolorize.cli.demo import LEARNED, before_and_after


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the demo prints, and where it draws."""
    import contextlib
    import io

    picture = tmp_path_factory.mktemp("demo") / "before-after.png"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["demo", "-o", str(picture)]) == 0
    return printed.getvalue(), picture


def test_it_beats_the_gray_floor_on_the_photos_it_was_fitted_on(shown):
    table = dict(re.findall(r"^  (\w+) .* ([+-]\d+\.\d\d)$", shown[0], re.MULTILINE))
    assert len(table) == 7
    assert min(float(table[name]) for name in LEARNED) >= 1


def test_it_draws_all_photos_and_says_where(shown):
    printed, path = shown
    assert printed.rstrip().endswith(str(path))
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    gray, colored, true = np.array_split(pixels, 3)
    assert np.ptp(gray[:200].astype(int), axis=-1).max() == 0
    assert np.ptp(colored.astype(int), axis=-1).mean() > 10
    assert np.ptp(true.astype(int), axis=-1).mean() > 10


def test_columns_keep_the_photos_aspect():
    class Red:
        def predict(self, gray):
            return np.stack([gray, gray * 0, gray * 0], axis=-1)

    photo = np.full((100, 200, 3), 90, np.uint8)
    picture = before_and_after(Red(), [photo, photo])
    assert picture.shape == (3 * 220 + 2 * 6, 2 * 440 + 6, 3)
    assert (picture[230, :440] == [90, 0, 0]).all()
