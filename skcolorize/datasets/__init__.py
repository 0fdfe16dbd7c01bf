"""Photos to begin with, and lists of photos."""

from ._examples import load_example_images
from ._paths import image_paths
from ._scraper import ImageScraper

__all__ = ["ImageScraper", "image_paths", "load_example_images"]
