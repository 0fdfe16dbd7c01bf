"""Crops, flips, exposures and changes of lightness, drawn from (seed, epoch, photo) and nothing else.

Never from the order of the batches, the process or the number of processes, so that a resumed fit and a fit
on several machines see the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from ..inference.rendering import as_image as rgbx_image
from ..networks.lab import rgb_to_lab
from .uploading import UploadedPhotos

#: Share of the short side that a random crop takes at least: small, or few photos are learned by heart.
SMALLEST_CROP = 0.25
#: How far the ratio of a crop's sides may be off at most, as a logarithm: what is learned of shapes holds for
#: others, and less of what a start knew is lost.
STRETCH = 1.0
#: How many photos are given another exposure, and the largest factor for their light, as a logarithm.
EXPOSED, EXPOSURE = 0.7, 0.5


def draws(seed: int, epoch: int, photo: int) -> np.random.Generator:
    """The random numbers of one photo in one epoch."""
    return np.random.default_rng([seed, epoch, photo])


def order(seed: int, epoch: int, n_photos: int) -> np.ndarray:
    """Order of the photos in an epoch."""
    return np.random.default_rng([seed, epoch]).permutation(n_photos)


def as_image(pixels: np.ndarray) -> Image.Image:
    """Pillow's view of (h, w, 3 or 4) bytes; as RGBA the fourth channel would act as alpha when resized."""
    return Image.fromarray(pixels) if pixels.shape[2] == 3 else rgbx_image(np.ascontiguousarray(pixels))


class Place(NamedTuple):
    """A rectangle of a photo, in its pixels, and whether it is looked at in a mirror."""

    top: float
    left: float
    height: float
    width: float
    flip: bool


def place(shape: tuple[int, ...], size: tuple[int, int], augment, rng: np.random.Generator) -> Place:
    """Where a picture at training size is cut out of a cached photo.

    Parameters
    ----------
    shape : (int, int, ...)
        Of the photo.
    size : (int, int)
        Height and width wanted.
    augment : {True, "flip", False}
        True: a random place, scale and ratio of sides, flipped or not; "flip": the centre, flipped or not;
        False: the centre.
    rng : numpy.random.Generator
    """
    h, w = shape[:2]
    largest = min(h / size[0], w / size[1])
    scale, stretch, down, right = largest, 1.0, 0.5, 0.5
    if augment is True:
        scale = largest * rng.uniform(SMALLEST_CROP, 1.0)
        stretch = math.exp(rng.uniform(-STRETCH, STRETCH) / 2)
        down, right = rng.uniform(size=2)
    flip = augment is not False and rng.random() < 0.5
    ch, cw = min(size[0] * scale * stretch, h), min(size[1] * scale / stretch, w)
    top, left = (h - ch) * down, (w - cw) * right
    if (ch, cw) == size:
        top, left = round(top), round(left)
    return Place(top, left, ch, cw, flip)


def crop(pixels: np.ndarray, size: tuple[int, int], augment, rng: np.random.Generator) -> np.ndarray:
    """A piece of a cached photo, uint8 (H, W, C), at training size, uint8 (*size, C), from its `place`."""
    top, left, height, width, flip = place(pixels.shape, size, augment, rng)
    if (height, width) == size:
        piece = pixels[int(top) : int(top) + size[0], int(left) : int(left) + size[1]]
    else:
        box = (left, top, left + width, top + height)
        resample = Image.Resampling.BICUBIC
        piece = np.asarray(as_image(pixels).resize((size[1], size[0]), resample, box=box))
    return piece[:, ::-1] if flip else piece


def exposures(rngs: list[np.random.Generator]) -> torch.Tensor:
    """Factors (N,) for the light of photos: a camera might have let in more or less of it."""
    logs = [rng.uniform(-EXPOSURE, EXPOSURE) if rng.random() < EXPOSED else 0.0 for rng in rngs]
    return torch.tensor(logs, dtype=torch.float32).exp_()


def channels_kept(
    seed: int, epoch: int, photos, n_channels: Sequence[int], dropped: float
) -> tuple[torch.Tensor, ...]:
    """Masks (N, c, 1, 1) for maps of c channels, each photo's own, that leave a share of them out.

    Those kept are raised by what is missing. Whole channels: within one, cells tell of their neighbours.

    References
    ----------
    J. Tompson et al. Efficient object localization using convolutional networks. CVPR 2015.
    """
    rngs = [np.random.default_rng([seed, epoch, int(photo), 1]) for photo in photos]
    kept = np.array([rng.random(sum(n_channels)) >= dropped for rng in rngs], np.float32) / (1 - dropped)
    return torch.from_numpy(kept)[:, :, None, None].split(list(n_channels), dim=1)


def vary_lightness(scaled: torch.Tensor, rngs: list[np.random.Generator]) -> torch.Tensor:
    """Gamma, contrast and grain, each for some photos: what scans and cameras do to lightness.

    Parameters
    ----------
    scaled : tensor of shape (N, 1, h, w)
        L / 50 - 1.
    rngs : list of numpy.random.Generator
        One a photo.
    """
    n = len(rngs)
    gamma, low, high, grain = np.ones(n), np.zeros(n), np.ones(n), np.zeros(n)
    noise_seeds = []
    for i, rng in enumerate(rngs):
        hit = rng.random(3) < (0.3, 0.2, 0.15)
        gamma[i] = np.exp(rng.uniform(-0.35, 0.35)) if hit[0] else 1
        low[i], high[i] = (rng.uniform(0, 0.2), rng.uniform(0.8, 1)) if hit[1] else (0, 1)
        grain[i] = rng.uniform(0.01, 0.06) if hit[2] else 0
        noise_seeds.append(int(rng.integers(2**31)))

    def column(values):
        return torch.as_tensor(values, dtype=scaled.dtype, device=scaled.device).view(n, 1, 1, 1)

    unit = (scaled * 0.5 + 0.5).clamp_(0, 1)
    unit = unit ** column(gamma)
    unit = column(low) + unit * column(high - low)
    for i in np.flatnonzero(grain).tolist():
        generator = torch.Generator().manual_seed(noise_seeds[i])
        noise = torch.randn(unit[i].shape, generator=generator).to(unit)
        unit[i] += float(grain[i]) * noise
    return unit.clamp_(0, 1) * 2 - 1


def make_batch(cache, indices, size, augment, seed: int, epoch: int, device="cpu"):
    """Network input and colour target of some cached photos.

    Returns
    -------
    x : float32 tensor of shape (n, 1, h, w)
        L / 50 - 1 of the gray input.
    ab : float32 tensor of shape (n, 2, h, w)
        Lab units.
    """
    rngs = [draws(seed, epoch, int(i)) for i in indices]
    if isinstance(cache, UploadedPhotos):
        shapes = [cache.shapes[int(i)] for i in indices]
        places = [place(shape, size, augment, rng) for shape, rng in zip(shapes, rngs, strict=True)]
        pixels = cache.crops(indices, places, size)
    else:
        pieces = [crop(cache[int(i)], size, augment, rng) for i, rng in zip(indices, rngs, strict=True)]
        pixels = torch.from_numpy(np.stack(pieces)).to(device)
    return seen(pixels, rngs if augment is True else None)


def seen(pixels: torch.Tensor, rngs: list[np.random.Generator] | None):
    """What `make_batch` gives, of pictures at training size.

    Parameters
    ----------
    pixels : uint8 tensor of shape (n, h, w, 3) or (n, h, w, 4)
        sRGB; the fourth channel is the gray that the network shall see, where it is not that of the colours.
    rngs : list of numpy.random.Generator or None
        One a photo, to vary exposure and lightness by; None leaves them as they are.
    """
    exposure = None if rngs is None else exposures(rngs).to(pixels.device)
    x, ab = rgb_to_lab(pixels[..., :3].movedim(-1, 1), exposure)
    if pixels.shape[-1] == 4:
        x, _ = rgb_to_lab(pixels[..., 3:].expand(-1, -1, -1, 3).movedim(-1, 1), exposure)
    if rngs is not None:
        x = vary_lightness(x, rngs)
    return x.contiguous(memory_format=torch.channels_last), ab
