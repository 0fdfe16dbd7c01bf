"""What photos may come as (X), and the rule that container in decides container out."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from .storage import path_text

#: A photo, and photos (a list, tuple, stack or Series), as their user has them.
PhotoLike: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | np.ndarray
PhotosLike: TypeAlias = Collection[PhotoLike]

_CHANNELS = (1, 3, 4)


class Photos:
    """Photos in the order given, each as it came, and the container to give results back in.

    Made by `check_photos`. Iterate: the items are paths, bytes, PIL images or arrays.

    Attributes
    ----------
    single : bool
        Whether X was one photo rather than several.
    stacked : bool
        Whether X was a numeric array (N, H, W[, channels]).
    """

    def __init__(self, items: Any, *, single: bool = False, stacked: bool = False):
        self._items = items
        self.single = single
        self.stacked = stacked

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def name(self, i: int) -> str:
        """What messages call the i-th photo, for instance ``photo 3 ('a.jpg')``."""
        return photo_name(self._items[i], None if self.single else i)

    def collect(self, results: Iterable[Any]) -> Any:
        """Results, one for each photo, in the container that X calls for.

        One photo gives its result alone, a numeric stack gives a stack, everything else a 1-D object array.
        Lists fail in ``cross_val_predict``, ``np.array(results, dtype=object)`` for photos of equal heights.
        """
        collected: np.ndarray | None = None
        for i, result in enumerate(results):
            if self.single:
                return result
            if collected is None:
                collected = (
                    np.empty((len(self), *np.shape(result)), np.asarray(result).dtype)
                    if self.stacked
                    else np.empty(len(self), dtype=object)
                )
            collected[i] = result
        return collected


def photo_name(item: Any, i: int | None = None) -> str:
    """What messages call a photo: its place in X where it has one, and its path where it has one."""
    place = "the photo" if i is None else f"photo {i}"
    return f"{place} ({os.fspath(item)!r})" if isinstance(item, (str, os.PathLike)) else place


def check_photos(X: Any, *, single: bool = True, method: str = "predict") -> Photos:
    """Check the container of photos, and what can be told of each without reading it.

    Parameters
    ----------
    X : photos
        List, tuple, 1-D array of objects or strings or pandas Series of photos, or a numeric stack (N, H, W),
        (N, H, W, 1), (N, H, W, 3) or (N, H, W, 4); where `single`, also one photo.
    single : bool, default=True
        Whether one bare photo is taken too.
    method : str, default="predict"
        Name of the caller, for messages.

    Returns
    -------
    photos : Photos

    Raises
    ------
    TypeError
        X, or an item of it, is of a kind that no photo comes as.
    ValueError
        X is empty, one photo where several are needed, or holds an array of a wrong shape or dtype.
    """
    if _is_photo(X):
        if single:
            _check_item(X, photo_name(X))
            return Photos([X], single=True)
        raise ValueError(
            f"{method} takes several photos, not a single one ({_describe(X)}): put it in a list, [photo]. "
            "For all photos of a folder, pass skcolorize.datasets.image_paths(folder)"
        )
    if isinstance(X, np.ndarray) and X.dtype.kind in "buifc":
        if X.ndim and not len(X):
            raise ValueError(f"{method} got no photos: X is an array of shape {X.shape}")
        if not (X.ndim == 3 or (X.ndim == 4 and X.shape[-1] in _CHANNELS)):
            raise ValueError(
                f"X is an array of shape {X.shape}. Photos are stacked as (N, H, W) or (N, H, W, 1, 3 or 4), "
                "channels last; one photo is (H, W) or (H, W, 1, 3 or 4)"
            )
        check_array(X[0], "X")
        return Photos(X, stacked=True)
    items = _items(X)
    if not items:
        raise ValueError(f"{method} got no photos: X is empty")
    for i, item in enumerate(items):
        _check_item(item, photo_name(item, i))
    return Photos(items)


def check_array(array: np.ndarray, name: str) -> None:
    """Raise a ValueError where shape or dtype are none that a photo has."""
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in _CHANNELS)):
        raise ValueError(
            f"{name} is an array of shape {array.shape}; a photo is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        )
    if not array.size:
        raise ValueError(f"{name} is an array of shape {array.shape}, which has no pixels")
    if array.dtype.kind not in "bf" and array.dtype.str[1:] not in {"u1", "u2"}:
        cast = (
            "levels of 0..255 are cast by .astype('uint8'), those of 0..65535 by .astype('uint16')"
            if array.dtype.kind in "iu"
            else "cast it to one of these"
        )
        raise ValueError(
            f"{name} is an array of {array.dtype}; photos are uint8, uint16, bool, or floats in 0..1: {cast}"
        )


def _is_photo(item: Any) -> bool:
    if isinstance(item, np.ndarray):
        return item.dtype.kind in "buifc" and (
            item.ndim == 2 or (item.ndim == 3 and item.shape[-1] in _CHANNELS)
        )
    return isinstance(item, (str, os.PathLike, bytes, bytearray, memoryview, Image.Image))


def _check_item(item: Any, name: str) -> None:
    if isinstance(item, (str, os.PathLike)):
        path_text(item)
    elif isinstance(item, np.ndarray):
        check_array(item, name)
    elif not isinstance(item, (bytes, bytearray, memoryview, Image.Image)):
        raise TypeError(f"{name} is {_describe(item)}; {_advice(item)}")


def _items(X: Any) -> list:
    """The photos of any container but a numeric array, as a list."""
    if isinstance(X, np.ndarray):
        if X.ndim == 1 and X.dtype.kind in "OUT":
            return X.tolist()
        if X.dtype.kind == "S":
            raise TypeError(
                "X is a NumPy array of bytes, which cuts zeros off the end of a file: pass a list of bytes"
            )
        raise ValueError(f"X is a {X.ndim}-D array of {X.dtype}; arrays of paths or photos are 1-D")
    is_series = hasattr(X, "iloc") and getattr(X, "ndim", 0) == 1
    if isinstance(X, (list, tuple)) or is_series:
        return list(X)
    raise TypeError(f"X is {_describe(X)}; {_advice(X)}")


def _describe(X: Any) -> str:
    if isinstance(X, (str, os.PathLike)):
        return repr(os.fspath(X))
    if isinstance(X, np.ndarray):
        return f"an array of shape {X.shape}"
    return f"of type {type(X).__module__}.{type(X).__qualname__}".replace("builtins.", "")


def _advice(X: Any) -> str:
    """What to pass instead of an object that holds no photos in a form we take."""
    if isinstance(X, Mapping):
        return "pass the photos in it, for instance bunch.images or bunch.paths"
    if type(X).__module__.partition(".")[0] in {"torch", "tensorflow", "jax", "jaxlib", "cupy"}:
        return "pass a NumPy array with channels last, for instance tensor.permute(0, 2, 3, 1).cpu().numpy()"
    if hasattr(X, "read"):
        return "pass its path, or the bytes that file.read() gives"
    if hasattr(X, "columns"):
        return "pass one column of it, for instance frame['path']"
    if isinstance(X, (Iterator, set, frozenset)):
        return "pass a list: it is gone through more than once, and in order"
    return "photos are paths, bytes, PIL images or arrays; several come in a list, tuple, array or Series"
