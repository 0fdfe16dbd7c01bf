"""Photos decoded once, kept at training size."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

import numpy as np
from PIL import Image

from ..color import rgb_to_lab
from ..images.decode import Photo, PhotoError, gray_levels, is_gray, read_photo
from ..images.levels import as_levels
from ..inference.threads import ordered_map
from .distributed import World

#: A photo keeps at most this aspect in the cache: square crops of a panorama need no more of it.
LARGEST_ASPECT = 3.0
#: Share of all chroma that lies in one hue direction from which on a training set is called tinted.
TINTED = 0.97

_INSIDE = {"skcolorize", "torch", "sklearn", "contextlib"}  # where no warning is put


def memory_limit() -> int:
    """Bytes that cached photos may take in memory: 1 GB, or a quarter of what is free where that is less."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not every platform tells
        return 1 << 30
    return min(1 << 30, free // 4)


class ArrayStore:
    """A growing list of arrays: in memory up to a limit, then in a temporary file mapped into memory.

    The file has no name on Linux and macOS: nothing stays behind when the process dies. ``TMPDIR`` places it.
    """

    def __init__(self, limit: int | None = None):
        self.n_bytes = 0  #: of all arrays together
        self._room = memory_limit() if limit is None else limit
        self._items: list = []
        self._file: BinaryIO | None = None
        self._map: np.memmap | None = None

    def append(self, array: np.ndarray) -> None:
        array = np.ascontiguousarray(array)
        self.n_bytes += array.nbytes
        if array.nbytes <= self._room:
            self._room -= array.nbytes
            self._items.append(array)
            return
        file = self._opened()
        start = file.seek(0, os.SEEK_END)
        file.write(array.data.cast("B"))
        self._map = None
        self._items.append((start, array.dtype, array.shape))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> np.ndarray:
        item = self._items[index]
        if isinstance(item, np.ndarray):
            return item
        if self._map is None:
            file = self._opened()
            file.flush()
            self._map = np.memmap(file, dtype=np.uint8, mode="r+")
        start, dtype, shape = item
        size = dtype.itemsize * int(np.prod(shape))
        return self._map[start : start + size].view(dtype).reshape(shape)

    def _opened(self) -> BinaryIO:
        """The temporary file, made when it is first needed."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="skcolorize-")  # noqa: SIM115 - lives as long as the store
            weakref.finalize(self, self._file.close)
        return self._file

    @property
    def spilled(self) -> bool:
        """Whether part of the arrays lies in the temporary file."""
        return self._file is not None


@dataclass
class PhotoCache:
    """Training photos: (h, w, 3) uint8 sRGB, or (h, w, 4) with the network's gray input as a fourth channel.

    Attributes
    ----------
    photos : ArrayStore
    skipped : list of (int, str, str)
        Position, name and reason of each photo left out.
    """

    photos: ArrayStore
    skipped: list[tuple[int, str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.photos[index]

    @property
    def n_bytes(self) -> int:
        """Bytes of all photos together."""
        return self.photos.n_bytes


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(as_levels(pixels, "uint8"))
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.asarray(image)


def _cache_size(height: int, width: int, image_size: int | tuple[int, int]) -> tuple[int, int]:
    """(width, height), as Pillow wants it, at which a photo is kept."""
    if isinstance(image_size, tuple):
        return image_size[1], image_size[0]
    scale = image_size / min(height, width)
    return max(image_size, round(width * scale)), max(image_size, round(height * scale))


def _middle(pixels: np.ndarray, image_size: int | tuple[int, int]) -> np.ndarray:
    """The middle of a picture that is longer than `LARGEST_ASPECT`; all of it where a pair squeezes it."""
    if isinstance(image_size, tuple):
        return pixels
    h, w = pixels.shape[:2]
    keep_h, keep_w = min(h, int(w * LARGEST_ASPECT)), min(w, int(h * LARGEST_ASPECT))
    top, left = (h - keep_h) // 2, (w - keep_w) // 2
    return pixels[top : top + keep_h, left : left + keep_w]


def _prepared(photo: Photo, target: Photo | None, image_size) -> np.ndarray:
    colours = (photo if target is None else target).pixels
    if is_gray(colours):
        raise PhotoError(f"{photo.name} is gray: it has no colours to learn from")
    if target is not None:
        (h, w), (h2, w2) = photo.pixels.shape[:2], target.pixels.shape[:2]
        if abs(h * w2 / (w * h2) - 1) > 0.02:
            raise ValueError(
                f"{photo.name} is {h} x {w} pixels (height x width) but its target in y is {h2} x {w2}: "
                "the aspects differ by more than 2 %. Crop one of them to the other's shape."
            )
    colours = _middle(colours, image_size)
    height, width = colours.shape[:2]
    size = _cache_size(height, width, image_size)
    rgb = _resized(colours, size)
    if target is None:
        return rgb
    gray = _resized(gray_levels(_middle(photo.pixels, image_size)), size)
    return np.concatenate([rgb, gray[..., None]], axis=-1)


def cache_photos(
    items, names, targets, image_size, *, world: World | None = None, n_jobs=None, limit: int | None = None
) -> PhotoCache:
    """Decode training photos once, in threads.

    Parameters
    ----------
    items : iterable
        Photos in any form.
    names : callable
        Position -> name for messages.
    targets : iterable or None
        Colour targets, as many as there are items.
    image_size : int or (int, int)
        Short side of a cached photo, or the exact (height, width).
    world : World or None
        Of several processes each decodes its share, and all get all photos.
    n_jobs : int or None
        Threads that decode.
    limit : int or None
        Bytes in memory before the cache goes to a temporary file.

    Returns
    -------
    cache : PhotoCache
        Broken and gray photos are in `PhotoCache.skipped`.

    Raises
    ------
    ValueError
        Where a photo and its target differ in aspect by more than 2 %, or in number.
    """
    side = max(image_size) if isinstance(image_size, tuple) else image_size

    def prepare(numbered):
        index, item, target = numbered
        name = names(index)
        try:
            photo = read_photo(item, name=name, min_side=side)
            target = (
                None if targets is None else read_photo(target, name=f"the target of {name}", min_side=side)
            )
            return index, name, _prepared(photo, target, image_size)
        except (PhotoError, OSError) as error:
            return index, name, str(error)

    cache = PhotoCache(ArrayStore(limit))
    work, numbered = partial(ordered_map, prepare, n_jobs=n_jobs), _numbered(items, targets)
    for index, name, result in world.dealt(work, numbered) if world else work(numbered):
        if isinstance(result, str):
            cache.skipped.append((index, name, result))
        else:
            cache.photos.append(result)
    return cache


def _numbered(items: Iterable, targets: Iterable | None):
    if targets is None:
        return ((i, item, None) for i, item in enumerate(items))
    return ((i, item, target) for i, (item, target) in enumerate(zip(items, targets, strict=True)))


def warn_if_tinted(cache: PhotoCache) -> None:
    """Warn where nearly all chroma of the photos lies in one direction of the ab plane, as in sepia scans."""
    sample = range(0, len(cache), max(1, len(cache) // 64))
    ab = np.concatenate([rgb_to_lab(cache[i][::8, ::8, :3])[..., 1:].reshape(-1, 2) for i in sample])
    chroma = np.hypot(*ab.T)
    if chroma.sum() > 0 and np.hypot(*ab.sum(axis=0)) / chroma.sum() > TINTED:
        _warn(
            "nearly all colour of the training photos has one hue, as if they were sepia scans: "
            "the model will learn that tint. Pass photos with true colours."
        )


def report_skipped(cache: PhotoCache, n_photos: int, *, with_targets: bool) -> None:
    """Warn of the photos that were left out; a ValueError where none is left."""
    if not cache.skipped:
        return
    reasons = [reason for _, _, reason in cache.skipped]
    if len(cache) == 0:
        hint = ""
        if not with_targets and all("is gray" in reason for reason in reasons):
            hint = " fit learns from X's own colours; for gray photos pass the colours: fit(X, y=X_color)."
        raise ValueError(f"none of the {n_photos} photos can be learned from: {reasons[0]}.{hint}")
    warn_skipped("fit", reasons, n_photos)


def warn_skipped(method: str, reasons: list[str], n_photos: int) -> None:
    """One warning that counts the photos a method left out and names the first ten."""
    named = "; ".join(reasons[:10]) + ("; ..." if len(reasons) > 10 else "")
    _warn(f"{method} skipped {len(reasons)} of {n_photos} photos: {named}")


def _warn(message: str) -> None:
    """Warn at the user's line: outside this package and the libraries that wrap its methods."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _INSIDE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
