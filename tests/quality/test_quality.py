"""The floors of the embedded network, on your photos: ``SKCOLORIZE_PHOTOS=<folder> pytest -m quality -s``.

Even-numbered photos (in order of their names) choose settings, odd-numbered ones are measured here. They must
be photos that the network was never trained on.
"""

import os

import numpy as np
import pytest
from scans import SCANS

from skcolorize import Colorizer
from skcolorize.color import rgb_to_lab
from skcolorize.datasets import image_paths
from skcolorize.images.decode import gray_levels, read_photo
from skcolorize.metrics import (
    colorfulness,
    hue_total_variation,
    orange_ratio,
    peak_signal_noise_ratio,
    squash256,
)

FOLDER = os.environ.get("SKCOLORIZE_PHOTOS")
pytestmark = [
    pytest.mark.quality,
    pytest.mark.skipif(FOLDER is None, reason="SKCOLORIZE_PHOTOS names no folder of photos"),
]


@pytest.fixture(scope="module")
def photos():
    """Reporting half under squash256, and its gray."""
    true = [squash256(read_photo(path).pixels) for path in image_paths(FOLDER)[1::2]]
    return true, [gray_levels(photo) for photo in true]


@pytest.fixture(scope="module")
def floor(photos):
    true, gray = photos
    return psnr(true, [np.repeat(g[..., None], 3, axis=2) for g in gray])


@pytest.fixture(scope="module")
def vivid(photos):
    return predicted(photos[1], 1.0)


def predicted(grays, vividness):
    return list(Colorizer.from_pretrained(vividness=vividness).predict_iter(list(grays)))


def psnr(true, pred):
    return np.array([peak_signal_noise_ratio(t, p) for t, p in zip(true, pred, strict=True)])


def mean_colorfulness(photos):
    return float(np.mean([colorfulness(photo) for photo in photos]))


def test_vividness_0_is_accurate(photos, floor):
    gain = psnr(photos[0], predicted(photos[1], 0.0)) - floor
    print(f"\nvividness 0: {gain.mean():+.3f} dB +- {1.96 * gain.std() / len(gain) ** 0.5:.3f} over gray")
    assert gain.mean() >= 1.8


def test_vividness_1_is_as_colourful_as_the_truth(photos, floor, vivid):
    gain = (psnr(photos[0], vivid) - floor).mean()
    true, ours = mean_colorfulness(photos[0]), mean_colorfulness(vivid)
    print(f"\nvividness 1: {gain:+.3f} dB at colourfulness {ours:.1f}, true {true:.1f}")
    assert abs(true - ours) <= 4
    assert gain >= 0.5


def test_no_flood_of_one_hue(photos, vivid):
    orange, variation = orange_ratio(photos[0], vivid), hue_total_variation(photos[0], vivid)
    print(f"\norange share {orange:.2f} of the truth's, total variation of hues {variation:.3f}")
    assert orange <= 1.35


@pytest.mark.parametrize("name", SCANS)
def test_old_scans_keep_their_colours(photos, floor, vivid, name):
    rng = np.random.default_rng(0)
    scans = [SCANS[name](gray, rng) for gray in photos[1]]
    coloured = predicted(scans, 1.0)
    ours, clean = mean_colorfulness(coloured), mean_colorfulness(vivid)
    print(f"\n{name}: colourfulness {ours:.1f} where clean ones have {clean:.1f}")
    if name != "border":  # which leaves a smaller picture
        drop = (psnr(photos[0], vivid) - psnr(photos[0], coloured)).mean()
        print(f"{drop:.2f} dB lost, most of it lightness")
    assert abs(ours / clean - 1) <= 0.3
    if name == "border":
        paper = np.ones(photos[1][0].shape, bool)
        paper[14:-14, 14:-14] = False
        chroma = [np.hypot(*np.moveaxis(rgb_to_lab(p)[..., 1:], -1, 0))[paper].mean() for p in coloured]
        assert np.mean(chroma) < 2


def test_alternatives_are_coherent_and_differ(photos):
    colorizer = Colorizer.from_pretrained()
    ratios, distances = [], []
    for gray in photos[1][:20]:
        one = ab_of(colorizer.predict(gray))
        unsure = colorizer.predict_confidence(gray) < 0.4
        samples = [ab_of(s) for s in colorizer.sample_y(gray, random_state=0)]
        ratios.append(np.mean([variation(s) for s in samples]) / variation(one))
        pairs = [(0, 1), (0, 2), (1, 2)]
        if unsure.any():
            apart = [np.hypot(*np.moveaxis(samples[i] - samples[j], -1, 0))[unsure].mean() for i, j in pairs]
            distances.append(np.mean(apart))
    print(f"\ntotal variation {np.mean(ratios):.2f} of predict's, {np.mean(distances):.1f} Lab units apart")
    assert np.mean(ratios) <= 1.5
    assert np.mean(distances) >= 5


def ab_of(rgb):
    return rgb_to_lab(rgb)[..., 1:]


def variation(ab):
    return sum(np.abs(np.diff(ab, axis=axis)).mean() for axis in (0, 1))
