"""What photos may come as, and the container that results go back in."""

import io
import pathlib

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from photo_files import gray_scene, scene
from PIL import Image
from sklearn.utils import Bunch

from skcolorize.images import Photos, check_photos

RGB, GRAY = scene(), gray_scene()
STACK = np.stack([RGB, RGB[::-1]])

SINGLE = {
    "str": "a.jpg",
    "path": pathlib.Path("a.jpg"),
    "bytes": b"file",
    "pil": Image.fromarray(RGB),
    "gray": GRAY,
    "rgb": RGB,
    "rgba": np.dstack([RGB, GRAY]),
    "gray_1": GRAY[..., None],
    "float": RGB / 255,
}
SEVERAL = {
    "list": ["a.jpg", RGB],
    "tuple": ("a.jpg", b"file"),
    "arrays": [RGB, RGB],
    "str_array": np.array(["a.jpg", "b.jpg"]),
    "object_array": np.array(["a.jpg", pathlib.Path("b.jpg")], dtype=object),
    "series": pd.Series(["a.jpg", "b.jpg"], index=[7, 3]),
}
STACKS = {
    "rgb": STACK,
    "gray": np.stack([GRAY, GRAY]),
    "gray_1": np.stack([GRAY, GRAY])[..., None],
    "rgba": np.concatenate([STACK, STACK[..., :1]], axis=-1),
    "float": STACK / 255,
    "bool": STACK > 99,
}


@pytest.mark.parametrize("form", SINGLE)
def test_one_photo_in_one_out(form):
    photos = check_photos(SINGLE[form])
    assert photos.single and len(photos) == 1
    assert next(iter(photos)) is SINGLE[form]
    result = np.zeros((2, 2))
    assert photos.collect(iter([result])) is result


@pytest.mark.parametrize("form", SINGLE)
@pytest.mark.parametrize("method", ["fit", "score"])
def test_one_bare_photo_is_refused_where_several_are_needed(form, method):
    with pytest.raises(ValueError, match=rf"^{method} takes several photos.*put it in a list"):
        check_photos(SINGLE[form], single=False, method=method)
    assert len(check_photos([SINGLE[form]], single=False)) == 1


@pytest.mark.parametrize("form", SEVERAL)
@pytest.mark.parametrize("sizes", ["equal", "mixed"])
def test_several_photos_in_an_object_array_out(form, sizes):
    photos = check_photos(SEVERAL[form], single=False)
    assert not photos.single and len(photos) == 2
    assert [item is given for item, given in zip(photos, SEVERAL[form], strict=True)]
    results = [np.zeros((2, 3)), np.ones((2, 3) if sizes == "equal" else (5, 4))]
    collected = photos.collect(iter(results))
    assert collected.dtype == object and collected.shape == (2,)
    assert collected[0] is results[0] and collected[1] is results[1]


@pytest.mark.parametrize("form", STACKS)
def test_stack_in_stack_out(form):
    photos = check_photos(STACKS[form], single=False)
    assert not photos.single and len(photos) == 2
    for item, given in zip(photos, STACKS[form], strict=True):
        assert_array_equal(item, given)
    collected = photos.collect(np.full((2, 3), i, np.float32) for i in range(2))
    assert collected.shape == (2, 2, 3) and collected.dtype == np.float32
    assert_array_equal(collected[1], 1)


def test_stack_of_scalars():
    assert_array_equal(check_photos(STACK).collect([0.5, 1.5]), [0.5, 1.5])


def test_order_is_kept_whatever_the_index():
    series = pd.Series(["a", "b", "c"]).iloc[[2, 0, 1]]
    assert list(check_photos(series)) == ["c", "a", "b"]


def test_names_for_messages():
    photos = check_photos(["a.jpg", pathlib.Path("b.jpg"), RGB])
    assert [photos.name(i) for i in range(3)] == ["photo 0 ('a.jpg')", "photo 1 ('b.jpg')", "photo 2"]
    assert check_photos("a.jpg").name(0) == "the photo ('a.jpg')"
    assert check_photos(RGB).name(0) == "the photo"
    assert check_photos(STACK).name(1) == "photo 1"


class Tensor:
    __module__ = "torch"


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ({"images": [RGB]}, TypeError, "dict.*bunch.images"),
        (Bunch(images=[RGB]), TypeError, "Bunch.*bunch.images"),
        (pd.DataFrame({"path": ["a.jpg"]}), TypeError, r"DataFrame.*frame\['path'\]"),
        ((path for path in ["a.jpg"]), TypeError, "generator.*pass a list"),
        ({"a.jpg"}, TypeError, "set.*pass a list"),
        (Tensor(), TypeError, r"torch\.Tensor.*\.cpu\(\)\.numpy\(\)"),
        ([RGB, Tensor()], TypeError, r"photo 1 is of type torch\.Tensor.*numpy"),
        ([["a.jpg"]], TypeError, "photo 0 is of type list"),
        (5, TypeError, "int; photos are paths"),
        (io.BytesIO(b"a photo"), TypeError, r"BytesIO.*file\.read\(\)"),
        (np.array(3), ValueError, r"shape \(\)"),
        (None, TypeError, "NoneType"),
        ([None], TypeError, "photo 0 is of type NoneType"),
        (np.array([b"file"]), TypeError, "cuts zeros off"),
        ([], ValueError, "no photos"),
        (STACK[:0], ValueError, r"no photos: X is an array of shape \(0, 40, 56, 3\)"),
        (np.zeros(5), ValueError, r"shape \(5,\)"),
        (np.zeros((2, 4, 5, 2)), ValueError, r"shape \(2, 4, 5, 2\).*channels last"),
        (np.zeros((2, 3, 4, 5)), ValueError, "channels last"),
        (np.array([["a.jpg"]]), ValueError, "2-D array"),
        (STACK.astype(int), ValueError, r"int64.*\.astype\('uint8'\)"),
        ([RGB.astype(np.int32)], ValueError, r"photo 0 is an array of int32.*\.astype\('uint8'\)"),
        ([RGB, np.zeros((2, 2, 2))], ValueError, r"photo 1 is an array of shape \(2, 2, 2\)"),
        (RGB.astype(complex), ValueError, "complex"),
        (pathlib.Path("s3://bucket/a.jpg"), ValueError, "lost a slash.*give a str"),
        (["a.jpg", pathlib.Path("s3://bucket/a.jpg")], ValueError, "lost a slash.*give a str"),
    ],
)
def test_refused_forms_say_what_to_pass(X, error, words):
    with pytest.raises(error, match=words):
        check_photos(X)


def test_collect_stops_at_one_for_a_single_photo():
    def results():
        yield 1
        raise AssertionError

    assert Photos(["a.jpg"], single=True).collect(results()) == 1
