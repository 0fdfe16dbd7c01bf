"""What time, film, paper and scanners do to a photo, done to the lightness that the network sees.

Colours stay as they are, so that an old scan is a photo like any other: the network sees the aged gray and
learns the true colours. Exposure, gamma, contrast and fine grain are varied by the training loop itself.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

from ..images import gray_levels

#: How likely each change is. Together they leave more than half of the photos as they are.
LIKELY = {"plate": 0.1, "blur": 0.1, "halftone": 0.1, "dust": 0.05, "jpeg": 0.1, "border": 0.1}


def aged(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photo with the gray that the network shall see as its fourth channel.

    Parameters
    ----------
    rgb : uint8 array of shape (H, W, 3)
    rng : numpy.random.Generator

    Returns
    -------
    pixels : uint8 array of shape (H, W, 4)
        True colours, gray where a paper border was laid over them; then the aged gray.
    """
    hit = {name: rng.random() < share for name, share in LIKELY.items()}
    gray = plate(rgb, rng) if hit["plate"] else gray_levels(rgb)
    for name, change in (("blur", blur), ("halftone", halftone), ("dust", dust), ("jpeg", jpeg)):
        if hit[name]:
            gray = change(gray, rng)
    pixels = np.dstack([rgb, gray])
    return border(pixels, rng) if hit["border"] else pixels


def plate(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gray as plates before about 1920 saw it, blind to red: blue in its place, wholly or in part."""
    share = rng.uniform(0.3, 1)
    seen = rgb.copy()
    seen[..., 0] = np.rint((1 - share) * rgb[..., 0] + share * rgb[..., 2])
    return gray_levels(seen)


def blur(gray: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus, or enlarged from a small picture."""
    return np.asarray(Image.fromarray(gray).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3))))


def halftone(gray: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dots of print at 45 degrees, sharp or soft, as a scan shows them."""
    period, share = rng.uniform(2.5, 6.5), rng.uniform(0.3, 1)
    y, x = np.indices(gray.shape) * (np.pi * np.sqrt(2) / period)
    screen = 127.5 + 63.75 * (np.cos(x + y) + np.cos(x - y))
    dots = np.clip(127.5 + 2 * (gray - screen), 0, 255)
    scan = np.rint((1 - share) * gray + share * dots).astype(np.uint8)
    if rng.random() < 0.5:
        return scan
    height, width = scan.shape
    soft = Image.fromarray(scan).resize((-(-width // 2), -(-height // 2)), Image.Resampling.BOX)
    return np.asarray(soft.resize((width, height)))


def dust(gray: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Specks and a scratch or two, white or black."""
    gray = gray.copy()
    height, width = gray.shape
    level = rng.choice([rng.integers(0, 40), rng.integers(215, 256)])
    for _ in range(rng.integers(3, 20)):
        top, left = rng.integers(height), rng.integers(width)
        gray[top : top + rng.integers(1, 4), left : left + rng.integers(1, 4)] = level
    for _ in range(rng.integers(0, 3)):
        gray[:, rng.integers(width)] = level
    return gray


def jpeg(gray: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Saved too small once."""
    file = BytesIO()
    Image.fromarray(gray).save(file, "JPEG", quality=int(rng.integers(15, 60)))
    return np.asarray(Image.open(file))


def border(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White, cream or black paper around the photo, which has no colour."""
    pixels = pixels.copy()
    height, width = pixels.shape[:2]
    margins = (rng.uniform(0.02, 0.1, 4) * min(height, width)).astype(int)
    if rng.random() < 0.5:
        margins[:] = margins[0]
    top, bottom, left, right = margins
    paper = np.ones((height, width), bool)
    paper[top : height - bottom, left : width - right] = False
    level = rng.choice([255, int(rng.integers(200, 250)), int(rng.integers(0, 40))])
    pixels[paper] = level
    return pixels
