"""Scorers: callables ``(estimator, X, y=None)`` for ``scoring=`` in searches and in ScoringMonitor's dict.

What ``sklearn.metrics.make_scorer`` makes fails without y; photos bring their own colours. Greater is better.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from ..images import PhotosLike, check_photos, read_photo
from ._photo import ciede2000, colorfulness, peak_signal_noise_ratio, structural_similarity
from ._protocol import in_color

_CHUNK = 16  # photos in memory at a time


def _pairs(estimator, X, y) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """True and predicted photos, one by one."""
    photos = check_photos(X, single=False, method="scoring")
    targets = photos if y is None else check_photos(y, single=False, method="scoring")
    if len(targets) != len(photos):
        raise ValueError(f"X has {len(photos)} photos and y {len(targets)}: they must agree")
    names = [targets.name(i) for i in range(len(targets))]
    # read here, where each has its name: in a chunk the estimator would count anew
    shown = (read_photo(item, name=photos.name(i)).pixels for i, item in enumerate(photos))
    items = zip(shown, targets, names, strict=True)
    while chunk := list(islice(items, _CHUNK)):
        predicted = estimator.predict([pixels for pixels, _, _ in chunk])
        for (pixels, target, name), pred in zip(chunk, predicted, strict=True):
            true = in_color(pixels if y is None else read_photo(target, name=name).pixels)
            pred = pred[..., :3]
            if true.shape != pred.shape:
                raise ValueError(f"{name} has shape {true.shape}, its prediction {pred.shape}")
            yield true, pred


def _mean(measure: Callable, estimator, X, y) -> float:
    return float(np.mean([measure(true, pred) for true, pred in _pairs(estimator, X, y)]))


def psnr_scorer(estimator: Any, X: PhotosLike, y: PhotosLike | None = None) -> float:
    """Mean peak signal-to-noise ratio of an estimator's photos.

    Parameters
    ----------
    estimator : object
        Anything whose ``predict`` colours photos.
    X : photos
        Colour photos; the estimator sees their lightness.
    y : photos, default=None
        The true photos, where they are not X itself.

    Returns
    -------
    score : float
        In dB.

    See Also
    --------
    peak_signal_noise_ratio : The measure.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import psnr_scorer
    >>> class Gray:
    ...     def predict(self, X):
    ...         return [np.stack([photo.mean(-1)] * 3, -1).astype("uint8") for photo in X]
    >>> photo = np.full((4, 4, 3), (110, 100, 90), dtype=np.uint8)
    >>> round(psnr_scorer(Gray(), [photo]), 2)
    29.89
    """
    return _mean(peak_signal_noise_ratio, estimator, X, y)


def ssim_scorer(estimator: Any, X: PhotosLike, y: PhotosLike | None = None) -> float:
    """Mean structural similarity of an estimator's photos.

    Parameters and errors are those of `psnr_scorer`.

    Parameters
    ----------
    estimator : object
        Anything whose ``predict`` colours photos.
    X, y : photos
        As in `psnr_scorer`.

    Returns
    -------
    score : float
        At most 1.
    """
    return _mean(structural_similarity, estimator, X, y)


def neg_ciede2000_scorer(estimator: Any, X: PhotosLike, y: PhotosLike | None = None) -> float:
    """Mean CIEDE2000 of an estimator's photos, negated.

    Parameters
    ----------
    estimator : object
        Anything whose ``predict`` colours photos.
    X, y : photos
        As in `psnr_scorer`.

    Returns
    -------
    score : float
        At most 0.
    """
    return -_mean(ciede2000, estimator, X, y)


def neg_colorfulness_difference_scorer(estimator: Any, X: PhotosLike, y: PhotosLike | None = None) -> float:
    """Difference in mean colourfulness between an estimator's photos and the true ones, negated.

    Parameters
    ----------
    estimator : object
        Anything whose ``predict`` colours photos.
    X, y : photos
        As in `psnr_scorer`.

    Returns
    -------
    score : float
        At most 0.
    """
    true, pred = np.mean([[colorfulness(p) for p in pair] for pair in _pairs(estimator, X, y)], axis=0)
    return -float(abs(true - pred))
