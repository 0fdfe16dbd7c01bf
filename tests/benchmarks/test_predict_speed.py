"""A 12-megapixel gray JPEG to a colour JPEG, beside the plain way with the same network."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from skimage.transform import resize

from skcolorize import Colorizer
from skcolorize.inference.predict import working_size

WIDTH, HEIGHT = 4000, 3000


@pytest.fixture(scope="module")
def jpeg():
    photo = Image.fromarray(data.astronaut()).convert("L").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(
        0, 4, (HEIGHT, WIDTH)
    )  # what a scan has, and upsampling took away
    photo = Image.fromarray(np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer.from_pretrained(n_jobs=1)


def ours(colorizer, jpeg):
    return colorizer.predict_image(jpeg)


def plain(colorizer, jpeg):
    """Pillow, scikit-image and PyTorch as anybody would put them together."""
    rgb = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    lab = rgb2lab(rgb)
    size = working_size(HEIGHT, WIDTH, colorizer.image_size)
    small = resize(lab[..., 0], size, anti_aliasing=True).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(small / 50 - 1)[None, None]
        ab = colorizer._decoding.ab(colorizer.module_(x), colorizer.vividness)
        ab = torch.nn.functional.interpolate(ab, size=rgb.shape[:2], mode="bilinear", align_corners=False)
    lab[..., 1:] = ab[0].permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray((lab2rgb(lab) * 255).round().astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
