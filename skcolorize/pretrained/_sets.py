"""Sets of photos in folders and tars, and how often a pass deals each of them."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from io import BytesIO
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from ..images import PhotoError, is_gray, read_photo
from ..images.levels import as_levels
from ..images.storage import list_files
from ..inference.threads import ordered_map
from ..training.augmentation import as_image, draws, make_batch, seen
from ..training.batches import PhotoBatches
from ._aging import aged

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
#: Sides of the pictures in a batch, by the median short side that a set has at least: what is enlarged blurs,
#: so a batch has photos of one kind only.
SIDES = {0: (96,), 110: (128, 160), 200: (192, 256, 256)}
#: Median short side from which on the network sees photos nearly whole, as it will when it predicts.
WHOLE = 200
#: Share of each side that is seen of such a photo at least, and of a smaller one.
SMALLEST_VIEW, SMALLEST_CROP = 0.85, 0.6
#: Share of the smaller photos of which a piece of their own shape is squeezed to a square.
SQUEEZED = 0.4
_TRIES = 50  # photos in a row that may be gray or broken


class Member(NamedTuple):
    """A photo inside a tar: read by its place, without going through the tar again."""

    tar: str
    name: str
    offset: int
    size: int

    def read(self) -> bytes:
        with open(self.tar, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True)
class PhotoSet:
    """Photos of one folder or tar.

    Attributes
    ----------
    source : str
        Where they lie.
    weight : float
        How often a pass deals each of them.
    items : tuple of str or Member
    """

    source: str
    weight: float
    items: tuple

    @property
    def n_dealt(self) -> float:
        """Photos of the set in one pass."""
        return self.weight * len(self.items)

    def short_side(self) -> float:
        """Median short side of the photos, by the headers of a few."""
        step = max(1, len(self.items) // 16)
        sides = []
        for item in self.items[::step]:
            try:
                with Image.open(opened(item)) as image:
                    sides.append(min(image.size))
            except (OSError, ValueError):
                continue
        return float(np.median(sides)) if sides else 0.0


def opened(item):
    """What Pillow and `read_photo` can open: a path as it is, a tar's member as bytes in a file object."""
    return BytesIO(item.read()) if isinstance(item, Member) else item


def contents(item):
    """What predict takes."""
    return item.read() if isinstance(item, Member) else item


def item_name(item) -> str:
    """Name of a photo without its folder or tar."""
    return os.path.basename(item.name if isinstance(item, Member) else item)


def find_photos(text: str, exclude: Iterable[str] = ()) -> PhotoSet:
    """The photos of a folder or tar, named with or without a weight: ``photos.tar`` or ``photos.tar:0.25``.

    Raises
    ------
    ValueError
        No photo is there, or the weight is not a positive number.
    FileNotFoundError
        Neither a folder nor a tar.
    """
    source, weight = _split_weight(text)
    items: list[str | Member]
    if os.path.isdir(source):
        items = [path for path in list_files(source) if path.lower().endswith(SUFFIXES)]
    elif os.path.isfile(source):
        with tarfile.open(source) as tar:
            members = [m for m in tar if m.isfile() and m.name.lower().endswith(SUFFIXES)]
        items = [Member(source, m.name, m.offset_data, m.size) for m in members]
    else:
        raise FileNotFoundError(f"{source!r} is neither a folder nor a tar of photos")
    patterns = tuple(exclude)
    items = [item for item in items if not any(fnmatch(item_name(item), pattern) for pattern in patterns)]
    if not items:
        raise ValueError(f"{source!r} holds no photos{' but excluded ones' if patterns else ''}")
    return PhotoSet(source, weight, tuple(items))


def _split_weight(text: str) -> tuple[str, float]:
    source, colon, weight = text.rpartition(":")
    if not colon or os.path.exists(text):
        return text, 1.0
    try:
        number = float(weight)
    except ValueError:
        return text, 1.0
    if not 0 < number < float("inf"):
        raise ValueError(f"the weight of {source!r} must be a positive number. Got {weight!r}.")
    return source, number


def hold_out(sets: list[PhotoSet], share: float = 0.01, most: int = 500) -> tuple[list[PhotoSet], list]:
    """The sets without a hundredth of their photos, and those: chosen by the hashes of their names."""

    def key(item) -> bytes:
        return hashlib.sha256(item_name(item).encode()).digest()

    everything = sorted((item for photos in sets for item in photos.items), key=key)
    n = min(most, max(1, round(share * len(everything))))
    held_out = set(everything[:n])
    left = [replace(s, items=tuple(item for item in s.items if item not in held_out)) for s in sets]
    left = [photos for photos in left if photos.items]
    if not left:
        raise ValueError("one photo is held out for validation, and none is left to learn from")
    return left, everything[:n]


class DealtPhotos:
    """Batches for the training loop: photos dealt by the weights of their sets, decoded in their turn.

    All is drawn from (seed, round, position): a resumed training sees the same pictures.

    Parameters
    ----------
    sets : list of PhotoSet
    n_photos : int
        Photos of one round.
    seed : int
    device : torch.device
    n_jobs : int or None
        Threads that decode.
    """

    def __init__(self, sets: list[PhotoSet], n_photos: int, seed: int, device, n_jobs: int | None = None):
        self.n_photos, self.seed, self.device, self.n_jobs = n_photos, seed, device, n_jobs
        self.augment: bool = True
        self._pools = []
        kinds = [max(least for least in SIDES if photos.short_side() >= least) for photos in sets]
        for least in sorted(set(kinds), reverse=True):
            chosen = [photos for photos, kind in zip(sets, kinds, strict=True) if kind == least]
            items = [item for photos in chosen for item in photos.items]
            weights = np.repeat([s.weight for s in chosen], [len(s.items) for s in chosen])
            self._pools.append((weights.sum(), least, items, np.cumsum(weights) / weights.sum()))

    def __len__(self) -> int:
        return self.n_photos

    def centred(self) -> DealtPhotos:
        """The same photos without augmentation."""
        twin = object.__new__(DealtPhotos)
        vars(twin).update(vars(self), augment=False)
        return twin

    def batch(self, positions, epoch: int):
        """Input and target (n, 2, s, s) in Lab units; all photos of a batch are of one kind and size."""
        positions = [int(position) for position in positions]
        rng = np.random.default_rng([self.seed, epoch, positions[0], 1])
        shares = np.array([total for total, *_ in self._pools])
        _, least, items, cumulated = self._pools[rng.choice(len(shares), p=shares / shares.sum())]
        side = int(rng.choice(SIDES[least]))

        def draw(position):
            rng = np.random.default_rng([self.seed, epoch, position, 2])
            pixels = self._draw(items, cumulated, rng)
            return view(aged(pixels, rng), side, least >= WHOLE, rng) if self.augment else pixels

        photos = list(ordered_map(draw, positions, self.n_jobs))
        if self.augment:
            rngs = [draws(self.seed, epoch, position) for position in positions]
            return seen(torch.from_numpy(np.stack(photos)).to(self.device), rngs)
        dealt = dict(zip(positions, photos, strict=True))
        return make_batch(dealt, positions, (side, side), False, self.seed, epoch, self.device)

    forward = staticmethod(PhotoBatches.forward)

    @staticmethod
    def _draw(items, cumulated, rng) -> np.ndarray:
        for _ in range(_TRIES):
            item = items[min(np.searchsorted(cumulated, rng.random()), len(items) - 1)]
            try:
                pixels = read_photo(contents(item), name=item_name(item)).pixels
            except PhotoError:
                continue
            if pixels.ndim == 3 and not is_gray(pixels):
                return as_levels(pixels, "uint8")
        raise ValueError(f"{_TRIES} photos in a row are gray or can't be read, the last {item_name(item)!r}")


def view(pixels: np.ndarray, side: int, whole: bool, rng: np.random.Generator) -> np.ndarray:
    """A square of some side that shows most of a photo (H, W, C), or a piece of it, in a mirror or not."""
    shape = np.array(pixels.shape[:2])
    if whole:
        lengths = shape * rng.uniform(SMALLEST_VIEW, 1, 2)
    else:
        widest = shape if rng.random() < SQUEEZED else shape.min()
        lengths = np.broadcast_to(widest * rng.uniform(SMALLEST_CROP, 1), 2)
    top, left = rng.uniform(size=2) * (shape - lengths)
    box = (left, top, left + lengths[1], top + lengths[0])
    square = np.asarray(as_image(pixels).resize((side, side), Image.Resampling.BICUBIC, box))
    return square[:, ::-1] if rng.random() < 0.5 else square
