"""Cached photos in a GPU's memory, and crops that are cut there."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..inference.devices import spare_memory


class UploadedPhotos:
    """Photos of a cache in the memory of a device, one behind the other.

    Crops are enlarged as Pillow does it, but in floats throughout: the same pictures, but for a level here
    and there, without a trip through the processor. A batch takes the same few steps however many photos it
    has, and a crop does not depend on its neighbours.

    Parameters
    ----------
    cache : sequence of uint8 arrays of shape (H, W, C)
        Of one number of channels.
    device : torch.device

    Attributes
    ----------
    shapes : list of (int, int)
        Height and width of each photo.
    """

    def __init__(self, cache, device: torch.device):
        self.device = device
        n, channels = len(cache), cache[0].shape[2]
        self.shapes = [cache[i].shape[:2] for i in range(n)]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        self._pixels = torch.empty((int(ends[-1]), channels), dtype=torch.uint8, device=device)
        for i, end in enumerate(ends):
            pixels = torch.from_numpy(np.array(cache[i])).flatten(0, 1)  # a copy: a memmap may be read-only
            self._pixels[end - len(pixels) : end] = pixels.to(device)
        self._starts = ends - [math.prod(shape) for shape in self.shapes]

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: int) -> np.ndarray:
        h, w = self.shapes[index]
        start = int(self._starts[index])
        return self._pixels[start : start + h * w].view(h, w, -1).cpu().numpy()

    def crops(self, photos, places, size: tuple[int, int]) -> torch.Tensor:
        """Pieces of some photos.

        Parameters
        ----------
        photos : sequence of int
        places : sequence of Place
            The rectangle of each photo that is wanted.
        size : (int, int)
            Height and width wanted.

        Returns
        -------
        pieces : uint8 tensor of shape (n, *size, C)
        """
        shapes = np.array([self.shapes[int(i)] for i in photos])
        tops, lefts, heights, widths, flips = np.array(places, dtype=np.float64).T
        rows = _Axis(tops, heights, shapes[:, 0], size[0], self._reach(0, size), self.device)
        columns = _Axis(lefts, widths, shapes[:, 1], size[1], self._reach(1, size), self.device, flips)
        starts = torch.from_numpy(self._starts[np.asarray(photos, int)]).to(self.device)
        lengths = torch.from_numpy(shapes[:, 1]).to(self.device)
        at = (starts + rows.pixels.T * lengths).T[:, :, None] + columns.pixels[:, None, :]
        seen = self._pixels.index_select(0, at.flatten()).view(*at.shape, -1).float()
        seen = torch.einsum("nxj,nijc->nixc", columns.weights, seen)
        seen = torch.einsum("nyi,nixc->nyxc", rows.weights, seen)
        return seen.add_(0.5).floor_().clamp_(0, 255).to(torch.uint8)

    def _reach(self, axis: int, size: tuple[int, int]) -> int:
        """Pixels that a piece is made from at most, of any photo: sums go the same way in every batch."""
        longest = max(shape[axis] for shape in self.shapes)
        return math.ceil(longest + 4 * max(1.0, longest / size[axis])) + 2


class _Axis:
    """Which pixels of a photo make up the rows (or columns) of a piece, and with what weights."""

    def __init__(self, first, length, n_pixels, size: int, reach: int, device, flip=None):
        scale = length / size
        wide = np.maximum(scale, 1.0)
        base = np.floor(first - 2 * wide)
        middles = (np.arange(size) + 0.5) * scale[:, None]
        if flip is not None:
            middles = np.where(flip[:, None] > 0, middles[:, ::-1], middles)
        # relative to the first pixel seen, so that float32 is exact enough
        middles = torch.from_numpy(middles + (first - base)[:, None]).to(device, torch.float32)
        pixels = torch.from_numpy(base).to(device, torch.int64)[:, None] + torch.arange(reach, device=device)
        last = torch.from_numpy(n_pixels - 1).to(device)[:, None]
        inside = (pixels >= 0) & (pixels <= last)
        distance = (torch.arange(reach, device=device) + 0.5 - middles[:, :, None]).abs_()
        distance /= torch.from_numpy(wide).to(device, torch.float32)[:, None, None]
        weights = _bicubic(distance) * inside[:, None, :]
        self.weights = weights / weights.sum(2, keepdim=True)
        self.pixels = pixels.clamp_min(0).minimum(last)


def _bicubic(x: torch.Tensor) -> torch.Tensor:
    """Keys's cubic with a = -0.5, of distances."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def uploaded(cache, device: torch.device):
    """The photos of a cache on the device, where it has room for them; else the cache."""
    return UploadedPhotos(cache, device) if len(cache) and cache.n_bytes <= spare_memory(device) else cache
