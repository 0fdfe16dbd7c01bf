"""The ``.npz`` file that weights lie in: plain arrays, a header, a checksum, and no code."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from typing import Any

import numpy as np

from .. import __version__
from ..images.storage import open_file, replace_whole
from .pretraining import load_encoder_weights, load_start_weights
from .state import load_state, network_state

# the state's own functions and the pretrained weights are found here too
__all__ = ["load_encoder_weights", "load_npz", "load_start_weights", "load_state", "network_state"]
__all__ += ["save_npz"]

FORMAT_VERSION = 1


def save_npz(
    path: str | os.PathLike,
    state: dict[str, np.ndarray],
    header: dict,
    *,
    half: bool = False,
    storage_options: dict | None = None,
) -> None:
    """Write arrays and a header to one ``.npz`` file, whole or not at all.

    Parameters
    ----------
    path : str or PathLike
        A local path or an address fsspec knows.
    state : dict of str to ndarray
        Members of the file; a network's own are named ``network.<name>``.
    header : dict
        What JSON can hold. Versions and the checksum are added.
    half : bool, default=False
        Store the network's kernels and matrices in float16. Norms, biases and all else stay as they are (in
        float16 a variance of 1e-9 is 0), and so does what float16 cannot hold.
    storage_options : dict, optional
        Handed to fsspec for an address.
    """
    arrays = {name: np.asarray(value) for name, value in state.items()}
    if half:
        arrays = {n: _halved(value) if n.startswith("network.") else value for n, value in arrays.items()}
    for name, value in arrays.items():
        if value.dtype.hasobject:
            raise TypeError(f"Weights are numbers. Got an object array for {name!r}.")
    header = {
        "format_version": FORMAT_VERSION,
        "skcolorize_version": __version__,
        **header,
        "sha256": _checksum(arrays),
    }
    with replace_whole(path, storage_options=storage_options) as file:
        members: dict[str, Any] = {"header": np.array(json.dumps(header, default=_plain)), **arrays}
        np.savez(file, **members)


def load_npz(
    path: str | os.PathLike, *, storage_options: dict | None = None
) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays of a file that :func:`save_npz` wrote.

    Raises
    ------
    ValueError
        If the file is cut short, altered, of a newer format, holds pickled objects or is something else.
    """
    try:
        with (
            open_file(path, storage_options=storage_options) as file,
            np.load(file, allow_pickle=False) as members,
        ):
            arrays = {name: members[name] for name in members.files}
        header = json.loads(str(arrays.pop("header")))
        version, checksum = header["format_version"], header["sha256"]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path}: the file is damaged or cut short ({error}). Fetch it again.") from None
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError):
        raise ValueError(f"{path}: this is no weights file of skcolorize: it has no header.") from None
    except ValueError as error:
        if "Object arrays" in str(error):
            reason = "it holds pickled objects, which could run code and are never read"
        else:
            reason = "it is no .npz file, or its beginning is damaged"
        raise ValueError(f"{path}: this is no weights file of skcolorize: {reason}.") from None
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{path}: the file has format {version}, and this skcolorize {__version__} reads up to format "
            f"{FORMAT_VERSION}. It was written by skcolorize {header.get('skcolorize_version')}: upgrade."
        )
    if checksum != _checksum(arrays):
        raise ValueError(f"{path}: the weights have been altered: they do not match their checksum.")
    return header, arrays


def _plain(value) -> int | float | bool:
    """The Python number of a NumPy one, which JSON does not know."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"the header of a weights file can't hold {value!r}")


def _halved(value: np.ndarray) -> np.ndarray:
    if value.ndim < 2 or value.dtype != np.float32 or np.abs(value).max(initial=0) > np.finfo(np.float16).max:
        return value
    return value.astype(np.float16)


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 over name, dtype, shape and bytes of each array, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = arrays[name]
        digest.update(f"{name}\0{value.dtype.str}\0{value.shape}\0".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
