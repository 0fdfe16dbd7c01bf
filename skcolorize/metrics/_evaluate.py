"""`evaluate`: an estimator's photos beside the baselines that put them in their place, with intervals."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from .. import color
from ..images import PhotosLike, check_photos, gray_levels, is_gray, read_photo
from ._photo import SSIM_WINDOW, ciede2000, colorfulness, peak_signal_noise_ratio, structural_similarity
from ._protocol import PROTOCOLS, in_color
from ._sets import hue_chroma, number_of_hues, orange, ratio, shares, total_variation

_BASELINES = ("gray", "mean")
_CHUNK = 16  # photos given to predict at a time
_N_BOOTSTRAP = 2000
_EQUAL = 100.0  # dB that equal photos count: their ratio is infinite, which no mean survives

_COLUMNS = {  # measure -> (heading, digits)
    "psnr": ("PSNR", 2),
    "gain": ("over gray", 2),
    "ssim": ("SSIM", 3),
    "ciede2000": ("CIEDE2000", 2),
    "colorfulness": ("CF", 1),
    "colorfulness_difference": ("dCF", 1),
    "hue_total_variation": ("hue TV", 2),
    "orange_ratio": ("orange", 2),
    "hues_ratio": ("hues", 2),
}


class Evaluation(Bunch):
    """What `evaluate` gives: a Bunch that prints as a table."""

    table: dict[str, np.ndarray]
    summary: dict[str, dict[str, tuple[float, float, float]]]
    n_photos: int
    protocol: str
    true_colorfulness: float
    constant: float | None

    def __str__(self) -> str:
        heads = [f"{heading:>14}" for heading, _ in _COLUMNS.values()]
        width = max(map(len, self.summary))
        lines = [
            f"{self.n_photos} photos, {self.protocol}, true CF {self.true_colorfulness:.1f}; "
            "+- is half a 95 % interval over photos",
            " " * width + "".join(heads),
        ]
        for name, row in self.summary.items():
            cells = []
            for measure, (_, digits) in _COLUMNS.items():
                value, low, high = row[measure]
                cells.append(f"{f'{value:.{digits}f} +-{(high - low) / 2:.{digits}f}':>14}")
            lines.append(f"{name:<{width}}" + "".join(cells))
        return "\n".join(lines)


def evaluate(
    estimator: Any,
    X: PhotosLike,
    *,
    protocol: str = "squash256",
    baselines: Sequence[str] = ("gray", "mean"),
) -> Evaluation:
    """Measure a colouriser on colour photos, beside its baselines and with intervals.

    The estimator sees the 8-bit gray of each photo. It is measured as it predicts and, where it has a
    parameter ``vividness``, also at vividness 0, its most accurate colours. PSNR, SSIM and CIEDE2000 favour
    dull photos: read them beside the gray row and the mean colours stretched to the same colourfulness.

    Parameters
    ----------
    estimator : object
        A fitted Colorizer, or anything with ``predict``; the baseline "mean" needs ``transform`` and a
        parameter ``vividness`` too. The parameter is set and set back while this runs.
    X : photos
        Colour photos, none of them gray: paths, bytes, PIL images or arrays.
    protocol : {"squash256", "own_size"}, default="squash256"
        At which size: squashed to 256 x 256 pixels, as published tables are made, or as the photos come.
    baselines : sequence of {"gray", "mean"}, default=("gray", "mean")
        "gray": the gray photos themselves. "mean": the colours of vividness 0 times a constant, the one that
        gives the colourfulness of the estimator's own photos (left out where there is no ``vividness``).

    Returns
    -------
    result : Evaluation
        A :class:`~sklearn.utils.Bunch` that prints as a table, with

        table : dict of str to ndarray
            One value per photo and row, in long form, as ``pandas.DataFrame(result.table)`` takes it:
            ``photo``, ``row``, ``psnr`` (dB; 100 for equal photos), ``gain`` (over gray), ``ssim``,
            ``ciede2000``, ``colorfulness``, ``hues``.
        summary : dict of str to dict of str to tuple
            For each row and measure (value, low, high): the mean over photos, or the measure of the whole
            set (``colorfulness_difference``, ``hue_total_variation``, ``orange_ratio``, ``hues_ratio``), and
            its 95 % interval by a bootstrap over photos. Gains are paired.
        n_photos, protocol, true_colorfulness, constant : int, str, float, float or None
            What was measured; `constant` is that of the baseline "mean".

    Raises
    ------
    ValueError
        An unknown protocol or baseline, or a photo that is gray itself.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.metrics import evaluate
    >>> class Sepia:
    ...     def predict(self, X):
    ...         return [np.stack([gray, 0.8 * gray, 0.6 * gray], -1).astype("uint8") for gray in X]
    >>> photo = np.zeros((32, 32, 3), dtype=np.uint8)
    >>> photo[:16], photo[16:] = (200, 120, 80), (90, 140, 220)
    >>> result = evaluate(Sepia(), [photo])
    >>> list(result.summary)
    ['gray', 'as predicted']
    >>> result.summary["as predicted"]["orange_ratio"][0] > 1.35
    True
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {list(PROTOCOLS)}. Got {protocol!r} instead.")
    if isinstance(baselines, str) or not set(baselines) <= set(_BASELINES):
        raise ValueError(f"baselines must be some of {list(_BASELINES)}. Got {baselines!r} instead.")
    photos = check_photos(X, single=False, method="evaluate")
    names = [photos.name(i) for i in range(len(photos))]
    true = [
        PROTOCOLS[protocol](read_photo(item, name=name).pixels)
        for name, item in zip(names, photos, strict=True)
    ]
    for name, photo in zip(names, true, strict=True):
        if is_gray(photo):
            raise ValueError(f"{name} is gray: there are no true colours to compare with")
        if min(photo.shape[:2]) < SSIM_WINDOW:
            raise ValueError(
                f"{name} has a side of {min(photo.shape[:2])} pixels: {SSIM_WINDOW} are the least to compare"
            )
    estimator = getattr(estimator, "best_estimator_", estimator)  # a search sets parameters of its template
    grays = [gray_levels(photo) for photo in true]
    vividness = _vividness_name(estimator)

    rows, constant = {}, None
    gray_row = _measured(true, map(in_color, grays))
    if "gray" in baselines:
        rows["gray"] = gray_row
    rows["as predicted"] = _measured(true, _in_chunks(estimator.predict, grays))
    if vividness is not None:
        with _parameter_set(estimator, vividness, 0.0):
            rows["vividness 0"] = _measured(true, _in_chunks(estimator.predict, grays))
            if "mean" in baselines:
                goal = rows["as predicted"]["colorfulness"].mean()
                constant = _constant_for(goal, _in_chunks(estimator.transform, grays))
                stretched = (_rendered(lab, constant) for lab in _in_chunks(estimator.transform, grays))
                rows[f"mean times {constant:.2f}"] = _measured(true, stretched)

    truth = _measured(true, true, only_colors=True)
    weights = np.random.default_rng(0).multinomial(len(true), np.full(len(true), 1 / len(true)), _N_BOOTSTRAP)
    summary = {}
    for name, row in rows.items():
        row["gain"] = row["psnr"] - gray_row["psnr"]
        values = _over_photos(np.full((1, len(true)), 1 / len(true)), row, truth)
        drawn = _over_photos(weights / len(true), row, truth)
        summary[name] = {
            measure: (float(values[measure][0]), *map(float, np.quantile(drawn[measure], (0.025, 0.975))))
            for measure in _COLUMNS
        }
    columns = ("psnr", "gain", "ssim", "ciede2000", "colorfulness", "hues")
    return Evaluation(
        table={
            "photo": np.array(names * len(rows)),
            "row": np.repeat(list(rows), len(true)),
            **{column: np.concatenate([row[column] for row in rows.values()]) for column in columns},
        },
        summary=summary,
        n_photos=len(true),
        protocol=protocol,
        true_colorfulness=float(truth["colorfulness"].mean()),
        constant=constant,
    )


def _vividness_name(estimator) -> str | None:
    """The parameter called vividness, of the estimator itself or of the one inside a pipeline."""
    if not hasattr(estimator, "get_params"):
        return None
    found = [name for name in estimator.get_params() if name.rpartition("__")[2] == "vividness"]
    return min(found, key=len, default=None)


@contextmanager
def _parameter_set(estimator, name, value) -> Iterator[None]:
    before = estimator.get_params()[name]
    estimator.set_params(**{name: value})
    try:
        yield
    finally:
        estimator.set_params(**{name: before})


def _in_chunks(method: Callable, grays) -> Iterator[np.ndarray]:
    for start in range(0, len(grays), _CHUNK):
        yield from method(grays[start : start + _CHUNK])


def _measured(true, preds, *, only_colors=False) -> dict[str, np.ndarray]:
    """Measures of each photo: columns of one value a photo, and ``sectors`` of chroma (n, 12)."""
    rows = []
    for photo, pred in zip(true, preds, strict=True):
        row = {"colorfulness": colorfulness(pred), "sectors": hue_chroma(pred)}
        row["hues"] = number_of_hues(shares(row["sectors"]))
        if not only_colors:
            row["psnr"] = min(peak_signal_noise_ratio(photo, pred), _EQUAL)
            row["ssim"] = structural_similarity(photo, pred)
            row["ciede2000"] = ciede2000(photo, pred)
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _over_photos(weights, row, truth) -> dict[str, np.ndarray]:
    """Measures of the set for each draw of photos, a row of `weights` (n_draws, n_photos) that sums to 1."""
    pred_hues, true_hues = shares(weights @ row["sectors"]), shares(weights @ truth["sectors"])
    means = {name: weights @ row[name] for name in ("psnr", "gain", "ssim", "ciede2000", "colorfulness")}
    return {
        **means,
        "colorfulness_difference": abs(means["colorfulness"] - weights @ truth["colorfulness"]),
        "hue_total_variation": total_variation(true_hues, pred_hues),
        "orange_ratio": ratio(orange(pred_hues), orange(true_hues)),
        "hues_ratio": ratio(weights @ row["hues"], weights @ truth["hues"]),
    }


def _rendered(lab, constant) -> np.ndarray:
    return color.lab_to_rgb(color.clip_to_gamut(lab * np.array([1, constant, constant], np.float32)))


def _constant_for(goal, labs) -> float:
    """The constant times ab that brings the mean colourfulness to a goal: bisection on every 4th pixel."""
    thumbnails = [np.array(lab[::4, ::4]) for lab in labs]
    low, high = 0.0, 8.0
    for _ in range(14):
        middle = (low + high) / 2
        if np.mean([colorfulness(_rendered(lab, middle)) for lab in thumbnails]) < goal:
            low = middle
        else:
            high = middle
    return (low + high) / 2
