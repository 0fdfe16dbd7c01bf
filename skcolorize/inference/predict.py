"""From one gray photo to what the network says of it."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import chain
from weakref import WeakKeyDictionary

import numpy as np
import torch
from PIL import Image

from ..color import gray_to_lightness
from ..networks import fold_batch_norm
from .devices import memory_told
from .rendering import render_lab

#: Pixels, at the working size, that a GPU is given at once: 56 photos of 192 x 192.
BATCH_PIXELS = 2**21
STEP = 32
"""Sides of a working size are multiples of this: the stride of the deepest map."""


def working_size(height: int, width: int, image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width at which the network sees a photo.

    Parameters
    ----------
    height, width : int
        Of the photo, in pixels.
    image_size : int or (int, int)
        An int asks for an area of about its square, the aspect kept; a pair is taken as it is.

    Returns
    -------
    size : (int, int)
        Multiples of 32, at least 32.

    Examples
    --------
    >>> from skcolorize.inference.predict import working_size
    >>> working_size(3000, 4000, 192)
    (160, 224)
    >>> working_size(1, 10_000, 192)
    (32, 1152)
    """
    if isinstance(image_size, tuple):
        height, width = (max(STEP, round(side / STEP) * STEP) for side in image_size)
        return height, width
    longest = max(STEP, image_size**2 // STEP)
    aspect = math.sqrt(height / width)
    sides = (image_size * aspect, image_size / aspect)
    height, width = (round(min(max(side, STEP), longest) / STEP) * STEP for side in sides)
    return height, width


def reduced(levels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Gray levels (uint8) reduced by whole factors, to no less than twice a size (height, width)."""
    return Image.fromarray(levels).reduce(_factors(levels.shape, size))


def _factors(shape, size):
    """Whole factors for width and height, as ``Image.resize(reducing_gap=2)`` takes them."""
    return tuple(max(1, int(side / wanted / 2)) for side, wanted in zip(shape[::-1], size[::-1], strict=True))


def small_lightness(levels: np.ndarray, size: tuple[int, int], copy: Image.Image | None = None) -> np.ndarray:
    """L (0..100, float32) of gray levels (uint8, shape (H, W)) resized to (height, width).

    ``copy`` is what `reduced` gives, where it is there already.
    """
    image = copy or reduced(levels, size)
    if levels.shape != size:
        (height, width), (factor_x, factor_y) = levels.shape, _factors(levels.shape, size)
        box = (0, 0, width / factor_x, height / factor_y)
        image = image.resize(size[::-1], Image.Resampling.LANCZOS, box)
    return gray_to_lightness(np.asarray(image))


def cell_means(lightness: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """L of each cell of a coarser grid."""
    factor = lightness.shape[0] // shape[0]  # of a network's outputs: a whole number
    return lightness if factor == 1 else np.asarray(Image.fromarray(lightness).reduce(factor))


def inside_gamut(lightness: np.ndarray, ab: torch.Tensor) -> np.ndarray:
    """ab (2, h, w) as an array (h, w, 2), brought into sRGB at the L of its cells.

    Done before it is enlarged: one cell beyond the gamut makes a blotch of its whole neighbourhood.
    """
    colours = ab.permute(1, 2, 0).cpu().numpy()
    return render_lab(cell_means(lightness, colours.shape[:2]), colours)[..., 1:]


def enlarged(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A float32 plane of cells at the size (height, width) of its photo, bilinear."""
    return np.asarray(Image.fromarray(plane).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


class Session:
    """A network made ready to predict: its norms folded, on its device, in its precision.

    Threads may share it: all that a call leaves behind is how large batches may be.

    Parameters
    ----------
    network : ColorizationNetwork
    device : torch.device
    precision : {"float32", "bfloat16", "float16"}
    """

    def __init__(self, network, device: torch.device, precision: str = "float32"):
        self.device, self.precision, self.version = device, precision, weights_version(network)
        self._batch_pixels = BATCH_PIXELS
        self.network = fold_batch_norm(network).to(device).eval()

    @property
    def takes_many(self) -> bool:
        """Whether photos go through together: on a GPU, which is idle with one."""
        return self.device.type != "cpu"

    def run(self, lightness: np.ndarray) -> dict[str, torch.Tensor]:
        """Outputs of the network for L of shape (h, w), 0..100, at the working size.

        On a CPU a photo goes through alone: what it comes out as must not depend on its neighbours, and
        oneDNN promises nothing across batch sizes.
        """
        return self.run_many([lightness])[0]

    def run_many(self, planes: list[np.ndarray]) -> list[dict[str, torch.Tensor]]:
        """Outputs for several photos of one working size, in batches that are halved where memory is short.

        Raises
        ------
        MemoryError
            Where half a batch is too much as well.
        """
        outputs: list[dict[str, torch.Tensor]] = []
        while part := planes[len(outputs) : len(outputs) + max(1, self._batch_pixels // planes[0].size)]:
            outputs += self._run_or_halve(part)
        return outputs

    def _run_or_halve(self, planes: list[np.ndarray]) -> list[dict[str, torch.Tensor]]:
        with suppress(torch.OutOfMemoryError):
            return self._run(planes)
        # out of the block, where the error no longer holds the maps of the batch
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        half = -(-len(planes) // 2)
        self._batch_pixels = half * planes[0].size  # for the next ones too
        height, width = planes[0].shape
        what = f"{half} photos at the working size of {height} x {width} pixels"
        with memory_told(self.device, what, "lower image_size"):
            return [output for part in (planes[:half], planes[half:]) if part for output in self._run(part)]

    def _run(self, planes: list[np.ndarray]) -> list[dict[str, torch.Tensor]]:
        scaled = np.stack(planes)[:, None]
        scaled *= np.float32(1 / 50)
        scaled -= 1
        x = torch.from_numpy(scaled).to(self.device, memory_format=torch.channels_last)
        dtype = getattr(torch, self.precision)
        narrow = dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, dtype, enabled=narrow):
            outputs = {name: value.float() for name, value in self.network(x).items()}
        return [{name: value[i : i + 1] for name, value in outputs.items()} for i in range(len(planes))]


# Beside the estimator, not in it: predicting must not change what an estimator holds.
_SESSIONS: WeakKeyDictionary = WeakKeyDictionary()


def weights_version(network) -> int:
    """A number that grows with each change of weights in place; those of inference mode can't tell."""
    tensors = chain(network.parameters(), network.buffers())
    return sum(tensor._version for tensor in tensors if not tensor.is_inference())


def session_of(network, device: torch.device, precision: str) -> Session:
    """The session of a network, made at its first use and kept as long as the network lives as it is."""
    known, wanted = _SESSIONS.get(network), (device, precision, weights_version(network))
    if known is None or (known.device, known.precision, known.version) != wanted:
        known = _SESSIONS[network] = Session(network, device, precision)  # of two threads the later one wins
    return known


def forget_session(network) -> None:
    """To be called when a network has got other tensors."""
    _SESSIONS.pop(network, None)
