"""What age and scanners do to a photo, on 8-bit gray of any size."""

import numpy as np
from PIL import Image


def sepia(gray, rng):
    """A brown print, scanned in colour: (H, W, 3)."""
    return _tinted(gray, (1.0, 0.86, 0.66))


def yellowed(gray, rng):
    """Yellow paper, darker towards the corners: (H, W, 3)."""
    h, w = gray.shape
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    shade = 1 - 0.35 * (y**2 + x**2) / 2
    return _tinted(gray * shade, (1.0, 0.94, 0.74))


def _tinted(gray, tint):
    return np.clip(gray[..., None] * np.array(tint), 0, 255).astype(np.uint8)


def faded(gray, rng):
    """Contrast squeezed to L 20..75."""
    from skcolorize.color import gray_to_lightness, lightness_to_gray

    return lightness_to_gray(20 + 0.55 * gray_to_lightness(gray))


def grain(gray, rng):
    noise = np.asarray(Image.fromarray(rng.normal(0, 18, gray.shape).astype(np.float32)))
    return np.clip(gray + noise, 0, 255).astype(np.uint8)


def halftone(gray, rng):
    """Newspaper print: dots of a 4-pixel screen, seen through a soft lens."""
    h, w = gray.shape
    y, x = np.mgrid[0:h, 0:w]
    screen = 127.5 + 63 * (np.sin(np.pi * (x + y) / 4) + np.sin(np.pi * (x - y) / 4))
    dots = np.clip((gray - screen) * 2 + 127.5, 0, 255).astype(np.uint8)
    soft = Image.fromarray(dots).resize((w // 2, h // 2), Image.Resampling.BOX).resize((w, h))
    return np.asarray(soft)


def border(gray, rng):
    """Paper of 6 % of the side around the picture."""
    h, w = gray.shape
    inner = Image.fromarray(gray).resize((w - 2 * round(0.06 * w), h - 2 * round(0.06 * h)))
    scan = np.full_like(gray, 236)
    top, left = round(0.06 * h), round(0.06 * w)
    scan[top : top + inner.height, left : left + inner.width] = np.asarray(inner)
    return np.clip(scan + rng.normal(0, 2, scan.shape), 0, 255).astype(np.uint8)


def dust(gray, rng):
    """White specks and hairs."""
    scan = gray.copy()
    h, w = gray.shape
    for _ in range(60):
        y, x, r = rng.integers(h), rng.integers(w), rng.integers(1, 3)
        scan[y : y + r, x : x + r] = 250
    for _ in range(4):
        x = rng.integers(w)
        scan[:: rng.integers(1, 3), x] = 245
    return scan


SCANS = {f.__name__: f for f in (sepia, yellowed, faded, grain, halftone, border, dust)}
