"""Photos to begin with, and lists of photos."""

from ._examples import load_example_images
from ._paths import image_paths
from ._purge import purge_images
from ._scraper import ImageScraper
from ._unsplash import fetch_unsplash_lite

__all__ = ["ImageScraper", "fetch_unsplash_lite", "image_paths", "load_example_images", "purge_images"]
