"""How a fit shows its progress: a bar where rich is installed, else a line an epoch."""

from __future__ import annotations

from importlib.util import find_spec


def show_progress(colorizer):
    """Let a Colorizer show the progress of its fit.

    Parameters
    ----------
    colorizer : Colorizer
        Changed in place.

    Returns
    -------
    colorizer : Colorizer
        The same one.
    """
    if find_spec("rich") is not None and hasattr(colorizer, "set_callbacks"):
        from sklearn.callback import ProgressBar

        return colorizer.set_callbacks(ProgressBar())
    return colorizer.set_params(verbose=True)
