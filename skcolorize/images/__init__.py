"""The two gates of the package: any photo in, any photo out."""

from .decode import Photo, PhotoError, gray_levels, is_gray, mean_chroma, read_photo, tiff_pages
from .encode import write_photo
from .forms import PhotoLike, Photos, PhotosLike, check_photos

__all__ = [
    "Photo",
    "PhotoError",
    "PhotoLike",
    "Photos",
    "PhotosLike",
    "check_photos",
    "gray_levels",
    "is_gray",
    "mean_chroma",
    "read_photo",
    "tiff_pages",
    "write_photo",
]
