"""What all our estimators share: parameter checks, tags, the documentation link, a version note, callbacks.

Think twice before adding anything. This is the only file that imports ``sklearn.callback``, a young module:
should a later scikit-learn change it, estimators go on without callbacks.
"""

from __future__ import annotations

import functools
import importlib.metadata
import math
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import InconsistentVersionWarning

from ._version import __version__

if TYPE_CHECKING:  # scikit-learn tells no types: a method it decorates keeps its own
    Method = TypeVar("Method", bound=Callable)

    class CallbackSupportMixin: ...

    def with_callbacks(method: Method) -> Method: ...

    def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]: ...

else:
    from sklearn.utils.metaestimators import available_if as available_if

    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:

        class CallbackSupportMixin:
            """Stands in where scikit-learn has no callbacks of the form known here."""

        def with_callbacks(method):
            return method


@dataclass(frozen=True)
class Interval:
    """Finite numbers of a kind between two limits, the lower one allowed unless ``open_low``."""

    kind: type
    low: float
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def accepts(self, value: Any) -> bool:
        of_kind = isinstance(value, self.kind)  # apart, so that a type checker still takes it for a number
        if not of_kind or isinstance(value, (bool, np.bool_)) or not math.isfinite(value):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = self.high is None or (value < self.high if self.open_high else value <= self.high)
        return above and below

    def __str__(self) -> str:
        kind = "an int" if self.kind is Integral else "a float"
        high = "inf)" if self.high is None else f"{self.high}{')' if self.open_high else ']'}"
        return f"{kind} in the range {'(' if self.open_low else '['}{self.low}, {high}"


@dataclass(frozen=True)
class Options:
    """A closed set of values, compared by value and type."""

    values: tuple

    def accepts(self, value: Any) -> bool:
        return any(type(value) is type(v) and value == v for v in self.values)

    def __str__(self) -> str:
        strings = [v for v in self.values if isinstance(v, str)]
        others = [str(v) for v in self.values if not isinstance(v, str)]
        named = ", ".join(map(repr, strings))
        if len(strings) > 1:
            named = f"a str among {{{named}}}"
        return " or ".join(filter(None, [named, *others]))


@dataclass(frozen=True)
class Check:
    """Anything that a predicate accepts; ``text`` completes the sentence "must be"."""

    predicate: Callable[[Any], object]
    text: str

    def accepts(self, value: Any) -> bool:
        return bool(self.predicate(value))

    def __str__(self) -> str:
        return self.text


BOOLEAN = Check(lambda v: isinstance(v, (bool, np.bool_)), "an instance of 'bool'")
STRING = Check(lambda v: isinstance(v, str), "an instance of 'str'")
PATH = Check(lambda v: isinstance(v, (str, os.PathLike)), "a path (an instance of 'str' or 'os.PathLike')")
NONE = Check(lambda v: v is None, "None")
RANDOM_STATE = Check(
    lambda v: v is None or Interval(Integral, 0).accepts(v) or isinstance(v, np.random.RandomState),
    "an int in the range [0, inf), an instance of 'numpy.random.mtrand.RandomState' or None",
)
N_JOBS = Check(
    lambda v: v is None or (Interval(Integral, -1).accepts(v) and v != 0), "a positive int, -1 or None"
)
POSITIVE = Interval(Real, 0, open_low=True)
NOT_NEGATIVE = Interval(Real, 0)


def check_parameters(owner: str, rules: dict[str, tuple], values: dict[str, Any]) -> None:
    """Raise a ValueError in scikit-learn's wording for the first value that no rule of its parameter accepts.

    scikit-learn's own ``_param_validation`` is private on purpose, hence this small relative of it.
    """
    for name, alternatives in rules.items():
        value = values[name]
        if not any(rule.accepts(value) for rule in alternatives):
            wanted = " or ".join(map(str, alternatives))
            raise ValueError(f"The {name!r} parameter of {owner} must be {wanted}. Got {value!r} instead.")


@functools.cache
def project_url(label: str) -> str:
    """Address that the package's metadata (``project.urls``) gives under a label, '' where there is none."""
    try:
        entries = importlib.metadata.metadata("skcolorize").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    addresses = dict(entry.split(", ", 1) for entry in entries)
    return addresses.get(label, "")


class BasePhotoEstimator(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Base of every estimator of photos.

    Subclasses list ``_parameter_rules``, a dict of parameter name to a tuple of rules of this module. None
    has ``get_feature_names_out``: thus ``set_config(transform_output=...)`` leaves their photos alone.
    """

    _parameter_rules: dict[str, tuple] = {}
    _doc_link_module = "skcolorize"

    @property
    def _doc_link_template(self) -> str:
        home = project_url("Documentation")
        return f"{home.rstrip('/')}/generated/{{estimator_module}}.{{estimator_name}}.html" if home else ""

    def _check_parameters(self) -> None:
        check_parameters(type(self).__name__, self._parameter_rules, self.get_params(deep=False))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.no_validation = False
        return tags

    def __getstate__(self) -> dict:
        return {**super().__getstate__(), "_skcolorize_version": __version__}

    def __setstate__(self, state: dict) -> None:
        saved_by = state.pop("_skcolorize_version", "unknown")
        if saved_by != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"{__version__} (skcolorize)",
                    original_sklearn_version=f"{saved_by} (skcolorize)",
                )
            )
        super().__setstate__(state)


class PhotoTransformer(BasePhotoEstimator):
    """Base of the stateless transformers: ``fit`` checks the parameters and tells the callbacks, no more."""

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters; nothing is learned from the photos.

        Parameters
        ----------
        X : photos
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.
        """
        self._check_parameters()
        with fit_task(self, X, y):
            pass
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


class fit_task:
    """Tell the callbacks of an estimator that its fit begins, where each epoch ends, and that it is over.

    Use inside a method decorated with ``with_callbacks``, as a context manager.

    Parameters
    ----------
    estimator : BasePhotoEstimator
        The estimator being fitted.
    X, y : photos
        Handed to the hooks that ask for them; without y the photos are their own targets.
    n_epochs : int, default=0
        Number of epochs that are reported by `epoch`.
    """

    def __init__(self, estimator: BasePhotoEstimator, X: Any, y: Any = None, n_epochs: int = 0):
        self._told = {"estimator": estimator, "X": X, "y": lambda: X if y is None else y}
        start = getattr(estimator, "_init_callback_context", None)
        self._context = start(max_subtasks=n_epochs) if start is not None else None

    def __enter__(self) -> fit_task:
        if self._context is not None:
            self._context.call_on_fit_task_begin(**self._told)
        return self

    def epoch(self, run: Callable[[], Any], learned: Callable[[], dict]) -> tuple[Any, bool]:
        """Run one epoch between its two hooks.

        Parameters
        ----------
        run : callable
            Does the work of the epoch.
        learned : callable
            Gives the fitted attributes as they then are, for hooks that want a fitted estimator.

        Returns
        -------
        result : object
            What `run` gave.
        stop : bool
            True when a callback asks to stop the fit.
        """
        if self._context is None:
            return run(), False
        context = self._context.subcontext(task_name="epoch")
        context.call_on_fit_task_begin(**self._told)
        result = run()
        return result, context.call_on_fit_task_end(**self._told, reconstruction_attributes=learned)

    def __exit__(self, kind, error, trace) -> None:
        if self._context is not None and kind is None:
            self._context.call_on_fit_task_end(**self._told)
