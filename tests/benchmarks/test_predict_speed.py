"""A 12-megapixel gray JPEG to a colour JPEG, beside the plain way with the same network."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from skimage.transform import resize
from timing import best_of

from skcolorize import Colorizer
from skcolorize.inference.predict import working_size

WIDTH, HEIGHT = 4000, 3000


@pytest.fixture(scope="module")
def jpeg():
    photo = Image.fromarray(data.astronaut()).convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 4, (HEIGHT, WIDTH))  # of a scan; enlarging took it away
    photo = Image.fromarray(np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8))
    return saved(photo, quality=92)


def saved(image, quality=95):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def ours(colorizer, jpeg):
    return saved(Image.fromarray(colorizer.predict(jpeg)))


def plain(colorizer, jpeg):
    """Pillow, scikit-image and PyTorch as anybody would put them together."""
    lab = rgb2lab(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))
    size = working_size(HEIGHT, WIDTH, colorizer.image_size)
    small = resize(lab[..., 0], size, anti_aliasing=True).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(small / 50 - 1)[None, None]
        ab = colorizer._decoding.ab(colorizer.module_(x), colorizer.vividness)
        ab = torch.nn.functional.interpolate(ab, size=lab.shape[:2], mode="bilinear", align_corners=False)
    lab[..., 1:] = ab[0].permute(1, 2, 0).numpy()
    return saved(Image.fromarray((lab2rgb(lab) * 255).round().astype(np.uint8)))


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
def test_a_photo_of_twelve_megapixels(benchmark, one_thread, jpeg):
    colorizer = Colorizer.from_pretrained(image_size=192)
    coloured = Image.open(io.BytesIO(benchmark(ours, colorizer, jpeg)))
    assert coloured.size == (WIDTH, HEIGHT)
    assert coloured.mode == "RGB"
    if benchmark.disabled:
        return
    fast, slow = best_of(3, lambda: ours(colorizer, jpeg), lambda: plain(colorizer, jpeg))
    print(f"\n12 megapixels: {fast * 1e3:.0f} ms, the plain way {slow * 1e3:.0f} ms: {slow / fast:.1f}x")
    benchmark.extra_info["ratio"] = round(slow / fast, 1)
    assert slow / fast >= 10
