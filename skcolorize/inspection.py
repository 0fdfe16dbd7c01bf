"""Pictures of what a model does and of how it learned (extra ``skcolorize[plot]``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .images import PhotoLike, PhotosLike, check_photos, gray_levels, is_gray, read_photo
from .images.decode import as_levels

__all__ = ["ColorizationDisplay", "TrainingCurveDisplay"]

LEGEND_ROOM = 0.2  # of the height that curves take


def _pyplot():
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"displays draw with matplotlib: pip install 'skcolorize[plot]' ({error})"
        ) from error
    return plt


def _pixels(photos, max_size=None):
    return [read_photo(item, name=photos.name(i), max_size=max_size).pixels for i, item in enumerate(photos)]


class ColorizationDisplay:
    """A row for each photo: gray, as coloured, true, and how sure the model is.

    Make one by `from_estimator` or `from_predictions`.

    Parameters
    ----------
    gray : sequence of ndarray of shape (H, W)
        uint8 or uint16 gray levels, black to white.
    predicted : sequence of ndarray of shape (H, W, 3), uint8
        The same photos, coloured.
    true : sequence of (ndarray of shape (H, W, 3) or None), or None
        Their true colours, where these are known.
    confidence : sequence of ndarray of shape (H, W) or None
        In 0..1.
    names : sequence of str or None
        Labels of the rows.

    Attributes
    ----------
    axes_ : ndarray of shape (n_photos, n_columns), dtype object
        matplotlib's Axes, by photo.
    figure_ : matplotlib.figure.Figure
        The figure they are in.

    Examples
    --------
    >>> import pytest
    >>> plt = pytest.importorskip("matplotlib.pyplot")
    >>> from skcolorize import Colorizer
    >>> from skcolorize.datasets import load_example_images
    >>> from skcolorize.inspection import ColorizationDisplay
    >>> photos = load_example_images().filenames[:2]
    >>> display = ColorizationDisplay.from_estimator(Colorizer.from_pretrained(), photos)
    >>> display.axes_.shape
    (2, 4)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        gray: Sequence[np.ndarray],
        predicted: Sequence[np.ndarray],
        true: Sequence[np.ndarray | None] | None = None,
        confidence: Sequence[np.ndarray] | None = None,
        names: Sequence[str] | None = None,
    ):
        self.gray = gray
        self.predicted = predicted
        self.true = true
        self.confidence = confidence
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: PhotoLike | PhotosLike,
        y: PhotoLike | PhotosLike | None = None,
        *,
        max_size: int = 512,
        ax: Any = None,
    ) -> ColorizationDisplay:
        """Colour photos and draw them.

        Parameters
        ----------
        estimator : object
            Fitted, with ``predict``; where it has ``predict_confidence``, that is drawn too.
        X : photos or a single photo
            Gray or colour ones.
        y : photos or None, default=None
            True colours; `X`'s own, of photos that have colours, where None.
        max_size : int, default=512
            Photos with a longer side are reduced to it first.
        ax : Axes, or array of Axes of shape (n_photos, n_columns), default=None
            Where to draw: one is divided, None makes a new figure.

        Returns
        -------
        display : ColorizationDisplay
            What was drawn.
        """
        photos = check_photos(X, method="from_estimator")
        shown = _pixels(photos, max_size)
        predicted = [estimator.predict(pixels) for pixels in shown]
        if y is None:
            true = [None if is_gray(pixels) else pixels for pixels in shown]
        else:
            true = _pixels(check_photos(y), max_size)
        confidence = None
        if hasattr(estimator, "predict_confidence"):
            confidence = [estimator.predict_confidence(pixels) for pixels in shown]
        names = [os.path.basename(item) if isinstance(item, (str, os.PathLike)) else "" for item in photos]
        return cls._drawn(shown, predicted, true, confidence, names, ax)

    @classmethod
    def from_predictions(
        cls,
        X: PhotoLike | PhotosLike,
        y_pred: PhotoLike | PhotosLike,
        *,
        y: PhotoLike | PhotosLike | None = None,
        confidence: np.ndarray | Sequence[np.ndarray] | None = None,
        ax: Any = None,
    ) -> ColorizationDisplay:
        """Draw photos that are coloured already.

        Parameters
        ----------
        X : photos or a single photo
            What was coloured.
        y_pred : photos or a single photo
            What `predict` gave.
        y : photos, a single photo or None, default=None
            True colours.
        confidence : ndarray, sequence of ndarray or None, default=None
            What `predict_confidence` gave.
        ax : Axes, or array of Axes of shape (n_photos, n_columns), default=None
            Where to draw: one is divided, None makes a new figure.

        Returns
        -------
        display : ColorizationDisplay
            What was drawn.
        """
        shown, predicted = (_pixels(check_photos(given)) for given in (X, y_pred))
        true = None if y is None else _pixels(check_photos(y))
        planes = None if confidence is None else list(check_photos(confidence))
        return cls._drawn(shown, predicted, true, planes, None, ax)

    @classmethod
    def _drawn(cls, shown, predicted, true, confidence, names, ax) -> ColorizationDisplay:
        for what, given in (("predictions", predicted), ("true photos", true), ("confidences", confidence)):
            if given is not None and len(given) != len(shown):
                raise ValueError(f"X has {len(shown)} photos, and there are {len(given)} {what}")
        if true is not None and all(photo is None for photo in true):
            true = None
        predicted = [photo[..., :3] for photo in predicted]
        return cls([gray_levels(pixels) for pixels in shown], predicted, true, confidence, names).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ColorizationDisplay:
        """Draw the photos.

        Parameters
        ----------
        ax : Axes, or array of Axes of shape (n_photos, n_columns), default=None
            Where to draw: one is divided, None makes a new figure.

        Returns
        -------
        display : ColorizationDisplay
            Itself.
        """
        columns: dict[str, Sequence] = {"gray": self.gray, "predicted": self.predicted}
        if self.true is not None:
            columns["true"] = self.true
        if self.confidence is not None:
            columns["confidence"] = self.confidence
        self.axes_ = _grid((len(self.gray), len(columns)), ax)
        self.figure_ = self.axes_[0, 0].figure
        for j, (title, pictures) in enumerate(columns.items()):
            self.axes_[0, j].set_title(title)
            for axes, picture in zip(self.axes_[:, j], pictures, strict=True):
                axes.set(xticks=[], yticks=[])
                if picture is None:
                    axes.set_axis_off()
                elif title == "confidence":
                    axes.imshow(picture, cmap="viridis", vmin=0, vmax=1)
                else:
                    axes.imshow(as_levels(picture, np.uint8), cmap="gray", vmin=0, vmax=255)
        for axes, name in zip(self.axes_[:, 0], self.names or (), strict=False):
            axes.set_ylabel(name)
        return self


def _grid(shape: tuple[int, int], ax: Any) -> np.ndarray:
    """Axes in rows and columns: new ones, those given, or parts of the one given."""
    if ax is None:
        size = (2.6 * shape[1], 2.2 * shape[0])
        return _pyplot().subplots(*shape, squeeze=False, figsize=size, layout="constrained")[1]
    if np.ndim(ax) == 0:
        ax.set_axis_off()
        parts = ax.get_subplotspec().subgridspec(*shape)
        return np.array(
            [[ax.figure.add_subplot(parts[i, j]) for j in range(shape[1])] for i in range(shape[0])]
        )
    axes = np.asarray(ax, dtype=object)
    if axes.size != shape[0] * shape[1]:
        raise ValueError(
            f"ax has {axes.size} axes; {shape[0]} photos in {shape[1]} columns need as many each"
        )
    return axes.reshape(shape)


class TrainingCurveDisplay:
    """Loss by epoch and, with early stopping, the score on the photos held out.

    Make one by `from_estimator`.

    Parameters
    ----------
    loss_curve : sequence of float
        Mean training loss of each epoch.
    validation_scores : sequence of float or None, default=None
        PSNR in dB of each epoch.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        With the loss.
    line_ : matplotlib.lines.Line2D
        The loss.
    validation_ax_ : matplotlib.axes.Axes or None
        With the score, on the same epochs.
    validation_line_ : matplotlib.lines.Line2D or None
        The score.
    figure_ : matplotlib.figure.Figure
        The figure they are in.

    Examples
    --------
    >>> import pytest
    >>> plt = pytest.importorskip("matplotlib.pyplot")
    >>> from skcolorize.inspection import TrainingCurveDisplay
    >>> display = TrainingCurveDisplay([5.1, 4.2, 3.9]).plot()
    >>> display.ax_.get_xlabel()
    'epoch'
    >>> plt.close(display.figure_)
    """

    def __init__(self, loss_curve: Sequence[float], validation_scores: Sequence[float] | None = None):
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> TrainingCurveDisplay:
        """Draw how an estimator learned.

        Parameters
        ----------
        estimator : Colorizer
            Fitted, with ``loss_curve_``.
        ax : Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        ValueError
            The estimator has learned nothing itself: it comes from a file of weights.
        """
        check_is_fitted(estimator)
        if not getattr(estimator, "loss_curve_", None):
            raise ValueError("this estimator has no training curve: it was read from weights, not fitted")
        return cls(estimator.loss_curve_, getattr(estimator, "validation_scores_", None)).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> TrainingCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : TrainingCurveDisplay
            Itself.
        """
        if ax is None:
            ax = _pyplot().subplots(layout="constrained")[1]
        epochs = np.arange(1, len(self.loss_curve) + 1)
        self.ax_, self.figure_ = ax, ax.figure
        (self.line_,) = ax.plot(epochs, self.loss_curve, color="C0", label="loss")
        ax.set(xlabel="epoch", ylabel="loss")
        self.validation_ax_ = self.validation_line_ = None
        lines = [self.line_]
        if self.validation_scores is not None:
            self.validation_ax_ = ax.twinx()
            self.validation_ax_.set_ylabel("validation PSNR in dB")
            (self.validation_line_,) = self.validation_ax_.plot(
                epochs, self.validation_scores, color="C1", label="validation PSNR"
            )
            lines.append(self.validation_line_)
        for axes in filter(None, (ax, self.validation_ax_)):  # room above the lines, for the legend
            low, high = axes.get_ylim()
            axes.set_ylim(low, high + LEGEND_ROOM * (high - low))
        ax.legend(handles=lines, loc="upper center", ncols=len(lines))
        return self
