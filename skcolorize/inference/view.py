"""One photo on its way through: what the network sees and says of it, and the pictures that come of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..color import gray_to_lightness, rgb_to_lab
from .decoding import Decoding, confidence
from .margins import picture_box
from .predict import Session, enlarged, inside_gamut, small_lightness, working_size
from .rendering import render_lab, render_rgb
from .screens import descreened


class View:
    """A photo looked at by a network.

    Parameters
    ----------
    session : Session
    decoding : Decoding
        On the session's device.
    pixels : uint8, uint16 or float32 array of shape (H, W) or (H, W, 3)
        sRGB.
    levels : uint8 or uint16 array of shape (H, W)
        Their gray levels.
    image_size : int or (int, int)
    """

    def __init__(self, session: Session, decoding: Decoding, pixels, levels, image_size):
        self._decoding, self._pixels = decoding, pixels
        self._box = picture_box(levels)
        inside = levels[self._box]
        height, width = inside.shape
        size = working_size(height, width, image_size)
        stretch = size[0] * width / (size[1] * height)
        self._small = descreened(small_lightness(inside, size), stretch)
        self._outputs = session.run(self._small)

    def rgb(self, vividness: float, n_jobs=None) -> np.ndarray:
        """sRGB uint8 (H, W, 3) with the photo's own lightness."""
        return self._rendered(render_rgb, self._decoding.ab(self._outputs, vividness)[0], n_jobs)

    def lab(self, vividness: float, n_jobs=None) -> np.ndarray:
        """float32 (H, W, 3): the photo's own L, and the ab of the picture that `rgb` gives."""
        return self._rendered(render_lab, self._decoding.ab(self._outputs, vividness)[0], n_jobs)

    def samples(self, vividness: float, n_samples: int, seed: int, n_jobs=None) -> np.ndarray:
        """Alternatives, sRGB uint8 (n_samples, H, W, 3)."""
        generator = torch.Generator().manual_seed(seed)
        drawn = self._decoding.samples(self._outputs, vividness, n_samples, generator)
        return np.stack([self._rendered(render_rgb, ab, n_jobs) for ab in drawn])

    def confidence(self) -> np.ndarray:
        """float32 (H, W) in 0..1; paper around a picture is gray for sure."""
        plane = np.ones(self._pixels.shape[:2], np.float32)
        inside = plane[self._box]
        inside[:] = enlarged(confidence(self._outputs["logits"])[0].cpu().numpy(), inside.shape)
        return plane

    def _rendered(self, render: Callable, ab: torch.Tensor, n_jobs) -> np.ndarray:
        lightness, cells = self._lightness(), inside_gamut(self._small, ab)
        inside = lightness[self._box]
        if inside.shape == lightness.shape:
            return render(lightness, cells, n_jobs=n_jobs)
        whole = render(lightness, np.zeros((1, 1, 2), np.float32), n_jobs=n_jobs)
        whole[self._box] = render(np.ascontiguousarray(inside), cells, n_jobs=n_jobs)
        return whole

    def _lightness(self) -> np.ndarray:
        """What rendering takes: gray levels as they are, else L of the colours."""
        if self._pixels.ndim == 3:
            return np.ascontiguousarray(rgb_to_lab(self._pixels)[..., 0])
        return self._pixels if self._pixels.dtype.kind == "u" else gray_to_lightness(self._pixels)
