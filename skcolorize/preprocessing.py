"""Transformers between photos, Lab and gray: photos in, photos out, nothing learned.

`ImageLoader` and `ToGrayscale` go before a Colorizer in a pipeline; `RGBToLab`, `LabToRGB` and `LabScaler`
after its ``transform``, or on their own. All of them take a single photo too, and give back one.
"""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from . import color
from ._base import NONE, Interval, Options, PhotoTransformer
from .images import Photo, PhotoLike, PhotosLike, check_photos, gray_levels, read_photo

__all__ = ["ImageLoader", "LabScaler", "LabToRGB", "RGBToLab", "ToGrayscale"]


def _each_photo(
    function: Callable[[Photo], np.ndarray], X: Any, method: str, max_size: int | None = None
) -> np.ndarray:
    """`function` of each photo, in the container that X calls for."""
    photos = check_photos(X, method=method)
    return photos.collect(
        function(read_photo(item, name=photos.name(i), max_size=max_size)) for i, item in enumerate(photos)
    )


def _each_lab(function: Callable[[np.ndarray], np.ndarray], X: Any, method: str) -> np.ndarray:
    """`function` of each array of three float channels, in the container that X calls for."""
    arrays = check_photos(X, method=method)
    return arrays.collect(function(_check_lab(lab, arrays.name(i))) for i, lab in enumerate(arrays))


def _check_lab(lab: Any, name: str) -> np.ndarray:
    if not (isinstance(lab, np.ndarray) and lab.dtype.kind == "f" and lab.ndim == 3 and lab.shape[2] == 3):
        got = f"{lab.dtype} of shape {lab.shape}" if isinstance(lab, np.ndarray) else type(lab).__name__
        raise ValueError(f"{name} must be Lab, an array (H, W, 3) of floats as RGBToLab gives it; got {got}")
    return lab


def _photo_to_lab(photo: Photo) -> np.ndarray:
    if photo.pixels.ndim == 3:
        return color.rgb_to_lab(photo.pixels)
    lab = np.zeros((*photo.pixels.shape, 3), np.float32)
    lab[..., 0] = color.gray_to_lightness(photo.pixels)
    return lab


class RGBToLab(PhotoTransformer):
    """Photos to CIELAB.

    Stateless: `fit` may be left out.

    See Also
    --------
    LabToRGB : The way back.
    LabScaler : Lab to the range that networks like.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.preprocessing import RGBToLab
    >>> red = np.full((2, 2, 3), [255, 0, 0], dtype="uint8")
    >>> RGBToLab().transform(red)[0, 0].round()
    array([53., 80., 67.], dtype=float32)
    """

    def transform(self, X: PhotoLike | PhotosLike) -> np.ndarray:
        """Convert photos to Lab.

        Parameters
        ----------
        X : photos
            Paths, bytes, PIL images or arrays in sRGB; gray ones get ab = 0, alpha is left out.

        Returns
        -------
        lab : ndarray of shape (H, W, 3), float32, for each photo
            L in 0..100, a and b in Lab units. A stack gives a stack, one photo one array, anything else a 1-D
            object array.
        """
        return _each_photo(_photo_to_lab, X, "transform")

    def inverse_transform(self, X: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Convert Lab back to sRGB in uint8.

        Parameters
        ----------
        X : Lab arrays of shape (H, W, 3), float
            One, a stack, or a sequence of them.

        Returns
        -------
        rgb : ndarray of shape (H, W, 3), uint8, for each array
            In the container that X calls for.
        """
        return _each_lab(color.lab_to_rgb, X, "inverse_transform")


class LabToRGB(PhotoTransformer):
    """CIELAB to sRGB, for instance behind ``Colorizer.transform``.

    Stateless: `fit` may be left out.

    Parameters
    ----------
    dtype : {"uint8", "uint16", "float32"}, default="uint8"
        Levels in the full range of the integer type, or floats in 0..1.

    See Also
    --------
    RGBToLab : The way there.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.preprocessing import LabToRGB
    >>> middle_gray = np.full((2, 2, 3), [50, 0, 0], dtype="float32")
    >>> LabToRGB().transform(middle_gray)[0, 0]
    array([119, 119, 119], dtype=uint8)
    """

    _parameter_rules = {"dtype": (Options(("uint8", "uint16", "float32")),)}

    def __init__(self, dtype: str = "uint8"):
        self.dtype = dtype

    def transform(self, X: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Convert Lab to sRGB.

        Parameters
        ----------
        X : Lab arrays of shape (H, W, 3), float
            One, a stack, or a sequence of them.

        Returns
        -------
        rgb : ndarray of shape (H, W, 3), of `dtype`, for each array
            A stack gives a stack, one array one photo, anything else a 1-D object array.
        """
        self._check_parameters()
        return _each_lab(lambda lab: color.lab_to_rgb(lab, self.dtype), X, "transform")

    def inverse_transform(self, X: PhotoLike | PhotosLike) -> np.ndarray:
        """Convert photos to Lab.

        Parameters
        ----------
        X : photos
            In sRGB.

        Returns
        -------
        lab : ndarray of shape (H, W, 3), float32, for each photo
            In the container that X calls for.
        """
        return _each_photo(_photo_to_lab, X, "inverse_transform")


class LabScaler(PhotoTransformer):
    """Lab to the range -1..1 and back: L / 50 - 1, ab / 128.

    Stateless: `fit` may be left out.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.preprocessing import LabScaler
    >>> lab = np.array([[[100, 64, -32]]], dtype="float32")
    >>> LabScaler().transform(lab)
    array([[[ 1.  ,  0.5 , -0.25]]], dtype=float32)
    """

    def transform(self, X: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Scale Lab to -1..1.

        Parameters
        ----------
        X : Lab arrays of shape (H, W, 3), float
            One, a stack, or a sequence of them.

        Returns
        -------
        scaled : ndarray of shape (H, W, 3), float32, for each array
            A stack gives a stack, one array one, anything else a 1-D object array.
        """
        return _each_lab(color.scale_lab, X, "transform")

    def inverse_transform(self, X: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Scale back to Lab.

        Parameters
        ----------
        X : scaled arrays of shape (H, W, 3), float
            As `transform` gives them.

        Returns
        -------
        lab : ndarray of shape (H, W, 3), float32, for each array
            In the container that X calls for.
        """
        return _each_lab(color.unscale_lab, X, "inverse_transform")


class ToGrayscale(PhotoTransformer):
    """Photos to gray ones of the same lightness.

    Each gray level is the sRGB gray whose CIELAB L is that of the pixel. Stateless: `fit` may be left out.
    In front of a Colorizer, give the colours as target: ``pipeline.fit(X, y=X)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skcolorize.preprocessing import ToGrayscale
    >>> red = np.full((1, 2, 3), [255, 0, 0], dtype="uint8")
    >>> ToGrayscale().transform(red)
    array([[127, 127]], dtype=uint8)
    """

    def transform(self, X: PhotoLike | PhotosLike) -> np.ndarray:
        """Take the colours away.

        Parameters
        ----------
        X : photos
            Paths, bytes, PIL images or arrays in sRGB. Alpha is left out.

        Returns
        -------
        gray : ndarray of shape (H, W), for each photo
            uint8 for 8-bit photos, uint16 for those of 16 bits or floats. A stack gives a stack, one photo
            one array, anything else a 1-D object array.
        """
        return _each_photo(lambda photo: gray_levels(photo.pixels), X, "transform")


class ImageLoader(PhotoTransformer):
    """Paths, addresses, bytes and PIL images to arrays in sRGB.

    Files are turned as their EXIF orientation says and converted from their colour profile to sRGB.
    Stateless: `fit` may be left out.

    Parameters
    ----------
    max_size : int, default=None
        Reduce larger photos so that their longest side is at most this, aspect kept.

    Examples
    --------
    >>> from skcolorize.datasets import load_example_images
    >>> from skcolorize.preprocessing import ImageLoader
    >>> paths = load_example_images().filenames
    >>> photos = ImageLoader(max_size=100).fit_transform(paths)
    >>> photos[0].shape
    (67, 100, 3)
    """

    _parameter_rules = {"max_size": (Interval(Integral, 1), NONE)}

    def __init__(self, max_size: int | None = None):
        self.max_size = max_size

    def transform(self, X: PhotoLike | PhotosLike) -> np.ndarray:
        """Load photos.

        Parameters
        ----------
        X : photos
            Paths, addresses, bytes, PIL images or arrays.

        Returns
        -------
        pixels : ndarray of shape (H, W), (H, W, 3) or (H, W, 4), for each photo
            uint8, uint16, or float32 in 0..1, as the file has it. A stack gives a stack, one photo one array,
            anything else a 1-D object array.

        Raises
        ------
        PhotoError
            A file is missing or broken; the message names it.
        """
        self._check_parameters()
        return _each_photo(lambda photo: photo.with_alpha(photo.pixels), X, "transform", self.max_size)
