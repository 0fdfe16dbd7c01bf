"""One photo on its way through: what the network sees and says of it, and the pictures that come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from ..color import gray_to_lightness, rgb_to_lab
from .decoding import Decoding, confidence
from .margins import picture_box
from .palette import LEAST_PIXELS
from .predict import Session, enlarged, inside_gamut, reduced, small_lightness, working_size
from .rendering import as_image, high_bytes, render_lab, render_rgb, render_rgbx
from .screens import descreened


class View:
    """A photo as a network looks at it.

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
        self._session, self._decoding, self._pixels, self._levels = session, decoding, pixels, levels
        looked_at = high_bytes(levels)  # so that a photo gets the same colours in 8 bits and in 16
        height, width = levels.shape
        size = working_size(height, width, image_size)
        copy = reduced(looked_at, size)
        self._box = picture_box(looked_at, copy)
        inside = looked_at[self._box]
        if inside.shape != levels.shape:
            height, width = inside.shape
            size = working_size(height, width, image_size)
            copy = reduced(inside, size)
        stretch = size[0] * width / (size[1] * height)
        self._small = descreened(small_lightness(inside, size, copy), stretch)
        self._seen: dict[str, torch.Tensor] | None = None
        self._decoded: tuple[float, torch.Tensor] | None = None

    @property
    def n_pixels(self) -> int:
        """Of the photo."""
        return self._levels.size

    @property
    def _outputs(self) -> dict[str, torch.Tensor]:
        """What the network says, asked when it is needed, if `look_together` has not."""
        if self._seen is None:
            self._seen = self._session.run(self._small)
        return self._seen

    def rgb(self, vividness: float, n_jobs=None) -> np.ndarray:
        """sRGB uint8 (H, W, 3) with the photo's own lightness."""
        return self._rendered(render_rgb, self._lightness(), self._ab(vividness), n_jobs)

    def image(self, vividness: float, n_jobs=None) -> Image.Image:
        """The picture of `rgb` as an image of mode RGBX, which JPEG and WebP save without a copy."""
        return as_image(self._rendered(render_rgbx, self._lightness(), self._ab(vividness), n_jobs))

    def lab(self, vividness: float, n_jobs=None) -> np.ndarray:
        """float32 (H, W, 3): the photo's own L, and the ab of the picture that `rgb` gives."""
        return self._rendered(render_lab, self._fine_lightness(), self._ab(vividness), n_jobs)

    def samples(self, vividness: float, n_samples: int, seed: int, n_jobs=None) -> np.ndarray:
        """Alternatives, sRGB uint8 (n_samples, H, W, 3)."""
        generator = torch.Generator().manual_seed(seed)
        drawn = self._decoding.samples(self._outputs, vividness, n_samples, generator)
        return np.stack([self._rendered(render_rgb, self._lightness(), ab, n_jobs) for ab in drawn])

    def confidence(self) -> np.ndarray:
        """float32 (H, W) in 0..1; paper around a picture is gray for sure."""
        plane = np.ones(self._pixels.shape[:2], np.float32)
        inside = plane[self._box]
        inside[:] = enlarged(confidence(self._outputs["logits"])[0].cpu().numpy(), inside.shape)
        return plane

    def decode(self, vividness: float) -> None:
        """Keep the colours of each cell beforehand, and nothing else of what the network says."""
        self._decoded = vividness, self._ab(vividness)
        self._seen = None

    def _ab(self, vividness: float) -> torch.Tensor:
        if self._decoded is not None and self._decoded[0] == vividness:
            return self._decoded[1]
        return self._decoding.ab(self._outputs, vividness)[0]

    def _rendered(self, render: Callable, lightness: np.ndarray, ab: torch.Tensor, n_jobs) -> np.ndarray:
        cells, inside = inside_gamut(self._small, ab), lightness[self._box]
        if inside.shape == lightness.shape:
            return render(lightness, cells, n_jobs=n_jobs)
        whole = render(lightness, np.zeros((1, 1, 2), np.float32), n_jobs=n_jobs)
        whole[self._box] = render(np.ascontiguousarray(inside), cells, n_jobs=n_jobs)
        return whole

    def _lightness(self) -> np.ndarray:
        """Of large photos the gray levels, by which colours are looked up; L would take four bytes each."""
        return self._levels if self._levels.size >= LEAST_PIXELS else self._fine_lightness()

    def _fine_lightness(self) -> np.ndarray:
        """Gray levels of a gray photo; L of colours, which is finer than their gray levels tell."""
        if self._pixels.ndim == 3:
            return np.ascontiguousarray(rgb_to_lab(self._pixels)[..., 0])
        return self._pixels if self._pixels.dtype.kind == "u" else gray_to_lightness(self._pixels)


def look_together(views: Sequence[View]) -> None:
    """Show photos to their network, those of one working size together.

    Parameters
    ----------
    views : sequence of View
        Of one session.
    """
    sizes: dict[tuple[int, ...], list[View]] = {}
    for view in views:
        sizes.setdefault(view._small.shape, []).append(view)
    for alike in sizes.values():
        outputs = alike[0]._session.run_many([view._small for view in alike])
        for view, seen in zip(alike, outputs, strict=True):
            view._seen = seen
