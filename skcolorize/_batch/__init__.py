"""Files in, coloured files out: on one machine or, over joblib, on many."""

from ._files import colorize_files
from ._model import load_model

__all__ = ["colorize_files", "load_model"]
