"""What a fit of 60 photos of one kind is worth.

``SKCOLORIZE_KIND=<folder> SKCOLORIZE_PHOTOS=<folder> pytest -m quality -s``: of the first folder, the 60
photos with the smallest SHA-256 of their names are learned from, the next 200 are measured. The other holds
photos of all kinds, of which every second is measured. The network must have seen none of them.
"""

import hashlib
import os
import time

import numpy as np
import pytest

from skcolorize import Colorizer
from skcolorize.datasets import image_paths
from skcolorize.images.decode import gray_levels, read_photo
from skcolorize.metrics import peak_signal_noise_ratio, squash256

KIND, OTHERS = os.environ.get("SKCOLORIZE_KIND"), os.environ.get("SKCOLORIZE_PHOTOS")
pytestmark = [
    pytest.mark.quality,
    pytest.mark.skipif(not (KIND and OTHERS), reason="SKCOLORIZE_KIND and SKCOLORIZE_PHOTOS name no folders"),
]


def psnr(colorizer, photos):
    colored = colorizer.set_params(vividness=0.0).predict_iter([gray_levels(photo) for photo in photos])
    return np.array([peak_signal_noise_ratio(t, p) for t, p in zip(photos, colored, strict=True)])


def squashed(paths):
    return [squash256(read_photo(path).pixels) for path in paths]


def test_sixty_photos_of_one_kind_are_worth_a_fit():
    paths = sorted(image_paths(KIND), key=lambda p: hashlib.sha256(os.path.basename(p).encode()).digest())
    kind, others = squashed(paths[60:260]), squashed(image_paths(OTHERS)[1::2])
    embedded = Colorizer.from_pretrained()
    before = psnr(embedded, kind), psnr(embedded, others)
    gains, losses = [], []
    for seed in range(3):
        began = time.perf_counter()
        colorizer = Colorizer(random_state=seed).fit(paths[:60])
        seconds = time.perf_counter() - began
        gains.append(psnr(colorizer, kind) - before[0])
        losses.append((before[1] - psnr(colorizer, others)).mean())
        print(f"\nseed {seed}: {gains[-1].mean():+.3f} dB, {losses[-1]:.3f} lost elsewhere, {seconds:.0f} s")
    gain = np.mean(gains, axis=0)
    half = 1.96 * gain.std(ddof=1) / len(gain) ** 0.5
    print(f"mean of three: {gain.mean():+.3f} +- {half:.3f} dB")
    assert gain.mean() >= 0.3
    assert gain.mean() - half > 0.1
    assert max(losses) < 0.5
