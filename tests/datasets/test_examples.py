"""The seven photos of the wheels, and lists of photos."""

import pathlib
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skcolorize.datasets import image_paths, load_example_images
from skcolorize.images import mean_chroma


def test_seven_colour_photos_from_the_wheels(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)  # what scikit-image would download with
    examples = load_example_images()
    names = [pathlib.Path(path).stem for path in examples.filenames]
    assert names == ["china", "flower", "astronaut", "chelsea", "coffee", "rocket", "motorcycle_left"]
    assert all(name in examples.DESCR for name in names)
    for image, path in zip(examples.images, examples.filenames, strict=True):
        assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        assert min(image.shape[:2]) >= 300
        assert mean_chroma(image) > 5
        assert pathlib.Path(path).is_file()


def test_they_are_the_photos_of_the_libraries():
    from skimage import data
    from sklearn.datasets import load_sample_images

    examples = load_example_images()
    assert_array_equal(examples.images[:2], load_sample_images().images)
    assert_array_equal(examples.images[3], data.chelsea())


@pytest.fixture
def folder(tmp_path):
    for name in ("b.JPG", "a.png", "deep/c.webp", "deep/d.tiff", "notes.txt", ".hidden.jpg", ".git/e.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def names(paths, folder):
    return [pathlib.Path(path).relative_to(folder).as_posix() for path in paths]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (None, ["a.png", "b.JPG", "deep/c.webp", "deep/d.tiff"]),
        ("*.jpg", ["b.JPG"]),
        ("?.*", ["a.png", "b.JPG", "deep/c.webp", "deep/d.tiff"]),
        ("deep/*", ["deep/c.webp", "deep/d.tiff"]),
        ("*.txt", ["notes.txt"]),
    ],
)
def test_image_paths(folder, pattern, expected):
    paths = image_paths(folder, pattern=pattern)
    assert isinstance(paths, list) and all(isinstance(path, str) for path in paths)
    assert names(paths, folder) == expected
    assert image_paths(str(folder) + "/", pattern=pattern) == paths


def test_image_paths_of_a_bucket():
    files = pytest.importorskip("fsspec").filesystem("memory")
    files.pipe({"/photos/b.jpg": b"1", "/photos/deep/a.png": b"2", "/photos/x.txt": b"3"})
    assert image_paths("memory://photos") == ["memory://photos/b.jpg", "memory://photos/deep/a.png"]
    files.rm("/photos", recursive=True)


def test_what_is_not_there(folder):
    with pytest.raises(NotADirectoryError, match=r"nowhere' is not a folder"):
        image_paths(folder / "nowhere")
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        image_paths(folder / "a.png")
    with pytest.raises(FileNotFoundError, match=r"no file in .* that matches '\*\.bmp'"):
        image_paths(folder, pattern="*.bmp")
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"with a suffix of \.jpg"):
        image_paths(folder / "empty")
