"""Photos to begin with, and lists of photos."""

from ._examples import load_example_images
from ._paths import image_paths

__all__ = ["image_paths", "load_example_images"]
