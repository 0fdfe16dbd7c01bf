"""What speed may not cost: how near the fast ways stay to the plain ones, as rows beside their times."""

import numpy as np
import torch
from PIL import Image
from skimage import data
from skimage.color import lab2rgb, rgb2lab
from timing import tell

from skcolorize import Colorizer, color
from skcolorize.inference.predict import inside_gamut, small_lightness, working_size
from skcolorize.inference.rendering import render_rgb


def test_lab(benchmark):
    """Of the sRGB colours whose levels are multiples of 3."""
    levels = np.arange(0, 256, 3 if benchmark.enabled else 17, dtype=np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    lab = benchmark.pedantic(color.rgb_to_lab, args=(colors,), rounds=1)
    off = float(np.abs(lab - rgb2lab(colors)).max())
    what = f"largest difference of Lab, {len(levels)}³ colours"
    tell(benchmark, what, "`skimage.color.rgb2lab`", off, at_most=0.01, unit="in L, a or b")


def test_picture(benchmark, one_thread):
    """The same colours joined with the same lightness: by us, and by PyTorch and scikit-image in float."""
    height, width = (1500, 2000) if benchmark.enabled else (150, 200)
    photo = Image.fromarray(data.astronaut()).convert("L").resize((width, height), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 4, (height, width))  # of a scan; enlarging took it away
    gray = np.clip(np.asarray(photo) + grain, 0, 255).astype(np.uint8)
    colorizer = Colorizer.from_pretrained()
    small = small_lightness(gray, working_size(height, width, colorizer.image_size))
    cells = inside_gamut(small, colorizer._decoding.ab(colorizer._session().run(small), 1.0)[0])
    picture = benchmark.pedantic(render_rgb, args=(gray, cells), rounds=1)

    planes = torch.from_numpy(cells).permute(2, 0, 1)[None]
    ab = torch.nn.functional.interpolate(planes, gray.shape, mode="bilinear", align_corners=False)
    lightness = color.gray_to_lightness(gray)[..., None]
    lab = color.clip_to_gamut(np.concatenate([lightness, ab[0].permute(1, 2, 0).numpy()], axis=-1))
    plain = np.rint(255 * lab2rgb(lab))
    near = 100 * float(np.mean(np.abs(picture - plain) <= 1))
    what = f"samples of a picture that are the same within a level, {height * width // 1_000_000} megapixels"
    tell(benchmark, what, "the float way by PyTorch and scikit-image", near, at_least=99.5, unit="%")
