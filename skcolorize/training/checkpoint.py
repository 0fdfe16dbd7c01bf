"""One file for an interrupted fit: written every epoch, found again by a fingerprint, removed at the end."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..images.storage import lock, path_text, replace_whole

#: Raised when what a checkpoint holds changes, so that an older file is not continued.
FORMAT = 1


def fingerprint(parameters: dict[str, Any], *photo_sets: Iterable | None) -> str:
    """Name of a fit: a hash of its parameters and photos.

    Parameters
    ----------
    parameters : dict
        All that changes what the fit learns.
    *photo_sets : iterables of photos, or None
        X and y: of a path its text, size and time of change, of everything else the content.

    Returns
    -------
    name : str
        32 hexadecimal digits.

    Examples
    --------
    >>> from skcolorize.training.checkpoint import fingerprint
    >>> fingerprint({"max_iter": 3}, [b"x"]) == fingerprint({"max_iter": 4}, [b"x"])
    False
    """
    digest = hashlib.sha256(f"format {FORMAT}".encode())
    for name in sorted(parameters):
        digest.update(f"\0{name}=".encode() + _parameter_bytes(parameters[name]))
    for photos in photo_sets:
        digest.update(b"\0photos" if photos is not None else b"\0none")
        for photo in photos or ():
            for part in _photo_parts(photo):
                digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:32]


def _parameter_bytes(value: Any) -> bytes:
    if isinstance(value, np.random.RandomState):
        return pickle.dumps(value.get_state())
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return repr(value).encode()


def _photo_parts(photo: Any) -> Iterator[bytes]:
    if isinstance(photo, (str, os.PathLike)):
        yield path_text(photo).encode()
        with suppress(OSError):
            stat = os.stat(photo)
            yield f"{stat.st_size} {stat.st_mtime_ns}".encode()
        return
    if isinstance(photo, Image.Image):
        yield photo.mode.encode()
        photo = np.asarray(photo)
    if isinstance(photo, np.ndarray):
        yield f"{photo.dtype.str} {photo.shape}".encode()
        photo = np.ascontiguousarray(photo).data
    yield bytes(photo)


class Checkpoint:
    """The file of one fit in a folder; use `held` around the fit."""

    def __init__(self, folder: str | os.PathLike, name: str):
        self.path = Path(folder) / f"{name}.pt"

    @contextmanager
    def held(self) -> Iterator[Checkpoint]:
        """Wait for another fit of the same name to end, and keep others waiting meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with lock(self.path.with_suffix(".lock")):
            yield self

    def load(self) -> dict[str, Any] | None:
        """What was saved last, or None."""
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except Exception as error:
            raise ValueError(
                f"the checkpoint {str(self.path)!r} can't be read ({type(error).__name__}). "
                "Remove it to start this fit anew."
            ) from error

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by a new one, whole or not at all."""
        buffer = BytesIO()
        torch.save(state, buffer)
        with replace_whole(self.path) as file:
            file.write(buffer.getbuffer())

    def remove(self) -> None:
        """Take the file away: the fit has ended."""
        self.path.unlink(missing_ok=True)
