"""Photos grow old for the network's eyes only; their colours stay."""

import numpy as np
import pytest

from skcolorize.images import gray_levels
from skcolorize.pretrained import _aging

RGB = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", _aging.LIKELY)
def test_each_change_is_seen_and_keeps_the_colours(name, monkeypatch):
    monkeypatch.setattr(_aging, "LIKELY", {n: float(n == name) for n in _aging.LIKELY})
    pixels = _aging.aged(RGB, np.random.default_rng(1))
    assert pixels.shape == (60, 80, 4) and pixels.dtype == np.uint8
    difference = abs(pixels[..., 3].astype(int) - gray_levels(RGB).astype(int))
    assert 0.3 < difference.mean() < 70
    changed = (pixels[..., :3] != RGB).any(-1)
    if name == "border":  # paper has no colour, and what lies within it keeps its own
        assert (pixels[0] == pixels[0, 0, 0]).all()
        assert changed[0].all() and not changed[8:-8, 8:-8].any()
    else:
        assert not changed.any()


def test_plates_are_blind_to_red():
    red, blue = (np.full((4, 4, 3), rgb, np.uint8) for rgb in ((200, 40, 40), (40, 40, 200)))
    seen = [int(_aging.plate(rgb, np.random.default_rng(0))[0, 0]) for rgb in (red, blue)]
    assert seen[0] < gray_levels(red)[0, 0]
    assert seen[1] > gray_levels(blue)[0, 0]


def test_most_photos_are_left_as_they_are():
    clean = np.dstack([RGB, gray_levels(RGB)])
    same = [np.array_equal(_aging.aged(RGB, np.random.default_rng(i)), clean) for i in range(300)]
    assert 0.5 < np.mean(same) < 0.7
