"""The model of a bulk job: where it comes from, what it is called, and how it travels to the workers."""

from __future__ import annotations

import copy
import hashlib
import os
import pickle
import threading
from typing import Any, BinaryIO

import joblib
import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._version import __version__
from ..images.storage import open_file, path_text


def load_model(model: Any = None, *, storage_options: dict | None = None) -> Any:
    """A fitted estimator from what a ``model`` parameter or ``--model`` names.

    Parameters
    ----------
    model : path, estimator or None
        None is the embedded network; a path ending in ``.npz`` are weights, any other path is a joblib file
        (which is code: load only what you trust); a fitted estimator is given back as it is.
    storage_options : dict, optional
        Handed to fsspec for an address.

    Returns
    -------
    estimator : object
        Fitted.

    Raises
    ------
    ValueError
        What is named holds no estimator.
    NotFittedError
        The estimator is not fitted.
    """
    if model is None or (isinstance(model, (str, os.PathLike)) and path_text(model).endswith(".npz")):
        from .._colorizer import Colorizer

        return Colorizer.from_pretrained(model, storage_options=storage_options)
    if isinstance(model, (str, os.PathLike)):
        with open_file(model, storage_options=storage_options) as file:
            estimator = _loaded(file, path_text(model))
        if not hasattr(estimator, "predict"):
            raise ValueError(f"{path_text(model)!r} holds {type(estimator).__qualname__}, and no model")
    else:
        estimator = model
    check_is_fitted(estimator)
    return estimator


def _loaded(file: BinaryIO, path: str) -> Any:
    """What a joblib file holds; whatever pickle meets in a strange file is a ValueError that names it."""
    try:
        return joblib.load(file)
    except (ImportError, MemoryError, OSError):
        raise
    except Exception as error:
        raise ValueError(
            f"{path!r} is damaged, or neither .npz weights nor a model saved by joblib "
            f"({type(error).__name__}: {error})"
        ) from error


def adjusted(model: Any, params: dict[str, Any]) -> Any:
    """A shallow copy of a model with some of its own parameters set; those that are None stay."""
    params = {name: value for name, value in params.items() if value is not None}
    twin = copy.copy(model)
    twin.set_params(**params)
    if hasattr(twin, "_check_parameters"):
        twin._check_parameters()
    return twin


def provenance(model: Any, source: Any) -> str:
    """The note that outputs carry: that colours are inferred, by which version and which weights."""
    network = getattr(model, "module_", None)
    if network is None:
        return f"Colors inferred by skcolorize {__version__} ({type(model).__qualname__})"
    from ..networks.weights import network_state

    digest = hashlib.sha256()
    for name, array in sorted(network_state(network).items()):
        digest.update(name.encode() + array.tobytes())
    if source is None:
        name = "embedded "
    else:
        name = os.path.basename(source) + " " if isinstance(source, (str, os.PathLike)) else ""
    return f"Colors inferred by skcolorize {__version__} ({name}weights {digest.hexdigest()[:12]})"


def packed(model: Any) -> np.ndarray:
    """A model on its way to workers, as an array of bytes.

    joblib maps large arrays into the memory of all processes of a machine, Dask sends them to each of its
    workers once.
    """
    return np.frombuffer(pickle.dumps(model), np.uint8)


def unpacked(data: np.ndarray, key: str) -> Any:
    """The model, made once in each process as long as the key, which stands for its bytes, is the same."""
    with _lock:
        if _opened.get("key") != key:
            _opened.update(key=key, model=pickle.loads(data.data))
        return _opened["model"]


_opened: dict[str, Any] = {}
_lock = threading.Lock()
