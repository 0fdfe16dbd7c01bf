"""The photos of a folder, as a list of paths."""

import os

from ..images.storage import list_files, path_text

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".heic", ".heif", ".avif")


def image_paths(
    folder: str | os.PathLike, pattern: str | None = None, *, storage_options: dict | None = None
) -> list[str]:
    """List the photos of a folder and of all folders in it; links to folders are not followed.

    Parameters
    ----------
    folder : str or PathLike
        A local folder, or an address such as ``"s3://bucket/photos"`` (extra ``skcolorize[remote]``).
    pattern : str, default=None
        Shell pattern that a file's name has to match, whatever its case: ``"*.png"``, ``"IMG_*"``. With a
        slash in it, it is held against the path below `folder`: ``"holiday/*"``. By default every file with a
        suffix of photos: JPEG, PNG, TIFF, WebP, BMP, HEIC, AVIF.
    storage_options : dict, default=None
        Handed to fsspec for an address.

    Returns
    -------
    paths : list of str
        Sorted; hidden files are left out.

    Raises
    ------
    NotADirectoryError
        There is no such folder.
    FileNotFoundError
        It holds no photo that matches.
    PermissionError
        A folder in it can't be read.

    Examples
    --------
    >>> import pathlib
    >>> from skcolorize.datasets import image_paths, load_example_images
    >>> folder = pathlib.Path(load_example_images().filenames[0]).parent
    >>> [pathlib.Path(path).name for path in image_paths(folder)]
    ['china.jpg', 'flower.jpg']
    """
    paths = list_files(folder, pattern or "*", storage_options=storage_options)
    if pattern is None:
        paths = [path for path in paths if path.lower().endswith(SUFFIXES)]
    if not paths:
        wanted = f"that matches {pattern!r}" if pattern else f"with a suffix of {', '.join(SUFFIXES)}"
        raise FileNotFoundError(f"no file in {path_text(folder)!r} {wanted}")
    return paths
