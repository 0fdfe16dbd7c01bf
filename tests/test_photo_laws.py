"""Our own laws, each once over every form in which a photo may come."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from photo_files import MANY_FRAMES, PHOTO_FILES, write_photo_files
from PIL import Image
from sklearn.model_selection import train_test_split
from small import made_up_photos, same_weights, small

from skcolorize import Colorizer
from skcolorize.color import gray_to_lightness, rgb_to_lab
from skcolorize.datasets import load_example_images
from skcolorize.images.decode import gray_levels, read_photo
from skcolorize.preprocessing import LabToRGB, ToGrayscale

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos(4)
METHODS = ["predict", "transform", "predict_confidence"]


@pytest.fixture(scope="module")
def colorizer():
    return small(vividness=2.0).fit(PHOTOS)


@pytest.fixture(scope="module")
def expected(colorizer):
    """What arrays give: fitted on them, their pictures, their score."""
    return small(max_iter=1).fit(PHOTOS), colorizer.predict(PHOTOS), colorizer.score(PHOTOS)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_photo_files(tmp_path_factory.mktemp("photos"))


def size(image: Image.Image, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height)))


def levels_apart(a, b) -> int:
    return int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max())


# ------------------------------------------------------------ each form is taken

RGB = PHOTOS[0]
GRAY = ToGrayscale().transform(RGB)
ALPHA = np.linspace(0, 255, GRAY.size).astype(np.uint8).reshape(GRAY.shape)

ARRAYS = {
    "gray": GRAY,
    "gray with an axis": GRAY[..., None],
    "rgb": RGB,
    "rgba": np.dstack([RGB, ALPHA]),
    "uint16 gray": GRAY.astype(np.uint16) * 257,
    "uint16 rgb": RGB.astype(np.uint16) * 257,
    "float32": (RGB / 255).astype(np.float32),
    "float64": RGB / 255,
    "float rgba": np.dstack([RGB, ALPHA]) / 255,
    "bool": GRAY > 128,
    "big endian": (GRAY.astype(np.uint16) * 257).astype(">u2"),
    "fortran order": np.asfortranarray(RGB),
    "a view turned round": RGB[::-1, ::-1],
    "1 x 1": RGB[:1, :1],
    "31 x 1000": size(RGB, 1000, 31),
    "1000 x 31": size(RGB, 31, 1000),
    "1 x 300": size(RGB, 300, 1),
}


@pytest.mark.parametrize("form", ARRAYS)
def test_arrays_keep_their_size_and_alpha(colorizer, form):
    photo = ARRAYS[form]
    rgba = photo.ndim == 3 and photo.shape[2] == 4
    picture = colorizer.predict(photo)
    assert picture.dtype == np.uint8
    assert picture.shape == (*photo.shape[:2], 4 if rgba else 3)
    if rgba:
        np.testing.assert_array_equal(picture[..., 3], ALPHA)
    lab = colorizer.transform(photo)
    assert lab.shape == (*photo.shape[:2], 3) and lab.dtype == np.float32
    assert colorizer.predict_confidence(photo).shape == photo.shape[:2]
    assert colorizer.sample_y(photo, 1).shape == (1, *photo.shape[:2], 3)


@pytest.mark.parametrize("kind", PHOTO_FILES)
def test_files_of_every_kind_are_as_their_pixels(colorizer, files, kind):
    photo = read_photo(files[kind])
    picture = colorizer.predict(files[kind])
    assert picture.shape == (40, 56, 4 if PHOTO_FILES[kind].alpha else 3)  # turned as its EXIF says
    if photo.alpha is None:
        np.testing.assert_array_equal(picture, colorizer.predict(photo.pixels))
    else:
        np.testing.assert_array_equal(picture[..., :3], colorizer.predict(photo.pixels))
    for form in (str(files[kind]), files[kind].read_bytes(), bytearray(files[kind].read_bytes())):
        np.testing.assert_array_equal(colorizer.predict(form), picture)
    with Image.open(files[kind]) as image:
        np.testing.assert_array_equal(colorizer.predict(image), picture)


@pytest.mark.parametrize("kind", MANY_FRAMES)
def test_files_of_many_frames_warn(colorizer, kind):
    with pytest.warns(UserWarning, match="3 frames or pages: the first is taken, 2 left out"):
        assert colorizer.predict(MANY_FRAMES[kind].content()).shape == (40, 56, 3)


def test_colour_files_of_every_kind_can_be_learned_from(files):
    coloured = [path for kind, path in files.items() if PHOTO_FILES[kind].pixels().ndim == 3]
    assert len(coloured) > 20
    assert small(max_iter=1).fit(coloured).skipped_images_ == []


# --------------------------------------------------------------- equal answers


def test_arrays_of_equal_levels_give_equal_pictures(colorizer):
    expected = colorizer.predict(RGB)
    for form in ("fortran order", "rgba"):
        np.testing.assert_array_equal(colorizer.predict(ARRAYS[form])[..., :3], expected)
    for form in ("float32", "float64", "uint16 rgb", "float rgba"):
        assert levels_apart(colorizer.predict(ARRAYS[form])[..., :3], expected) <= 1
    np.testing.assert_array_equal(colorizer.predict(ARRAYS["float32"]), colorizer.predict(ARRAYS["float64"]))
    np.testing.assert_array_equal(
        colorizer.predict(ARRAYS["big endian"]), colorizer.predict(ARRAYS["uint16 gray"])
    )


def test_only_lightness_is_looked_at(colorizer):
    gray = colorizer.predict(GRAY)
    np.testing.assert_array_equal(colorizer.predict(ARRAYS["gray with an axis"]), gray)
    assert levels_apart(colorizer.predict(RGB), gray) <= 2  # gray levels are rounded, colours are not
    assert levels_apart(colorizer.predict(np.dstack([GRAY] * 3)), gray) <= 1
    assert levels_apart(colorizer.predict(ARRAYS["uint16 gray"]), gray) <= 1


def test_read_only_and_mapped_arrays(colorizer, tmp_path, expected):
    fitted, pictures, score = expected
    np.save(tmp_path / "photos.npy", PHOTOS)
    mapped = np.load(tmp_path / "photos.npy", mmap_mode="r")
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(colorizer.predict(mapped), pictures)
    for picture, photo in zip(pictures, mapped, strict=True):
        np.testing.assert_array_equal(colorizer.predict(photo), picture)
    assert same_weights(small(max_iter=1).fit(mapped), fitted)
    assert colorizer.score(mapped) == score


def test_nothing_is_written_into_the_photos(colorizer):
    for form, photo in ARRAYS.items():
        before = photo.copy()
        colorizer.predict(photo)
        np.testing.assert_array_equal(photo, before, err_msg=form)


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_and_batches_change_nothing(colorizer, method):
    mixed = [photo for photo in ARRAYS.values() if photo.shape[:2] != (1000, 31)]
    work = getattr(colorizer, method)
    together = work(mixed)
    assert together.dtype == object and together.shape == (len(mixed),)
    for photo, result in zip(mixed, together, strict=True):
        np.testing.assert_array_equal(work(photo), result)
    for result, other in zip(together[::-1], work(mixed[::-1]), strict=True):
        np.testing.assert_array_equal(result, other)
    threads = colorizer.set_params(n_jobs=2)
    for result, other in zip(together, getattr(threads, method)(mixed), strict=True):
        np.testing.assert_array_equal(result, other)
    colorizer.set_params(n_jobs=None)


def test_predict_collects_predict_iter(colorizer):
    lazily = colorizer.predict_iter(list(PHOTOS))
    assert iter(lazily) is lazily
    np.testing.assert_array_equal(np.stack(list(lazily)), colorizer.predict(PHOTOS))
    assert len(list(colorizer.predict_iter(RGB))) == 1


def test_predict_iter_takes_one_photo_at_a_time(colorizer, tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    lazily = colorizer.predict_iter([tmp_path / "a.png", tmp_path / "missing.png"])
    assert next(lazily).shape == RGB.shape
    with pytest.raises(ValueError, match=r"photo 1 \('.*missing.png'\) is missing"):
        next(lazily)


# ------------------------------------------------------------------- containers


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made up")
    for i, photo in enumerate(PHOTOS):
        Image.fromarray(photo).save(folder / f"{i}.png")
    return [str(folder / f"{i}.png") for i in range(len(PHOTOS))]


CONTAINERS = {
    "list of paths": lambda paths: paths,
    "tuple of Path": lambda paths: tuple(map(Path, paths)),
    "array of paths": np.array,
    "object array of paths": lambda paths: np.array(paths, dtype=object),
    "Series, shuffled": lambda paths: pd.Series(paths, index=range(100, 100 + len(paths))),
    "Series of strings": lambda paths: pd.Series(paths, dtype="string"),
    "bytes": lambda paths: [Path(path).read_bytes() for path in paths],
    "PIL": lambda paths: [Image.open(path).copy() for path in paths],
    "list of arrays": lambda paths: list(PHOTOS),
    "stack": lambda paths: PHOTOS,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_fits_predicts_and_scores_alike(colorizer, paths, container, expected):
    fitted, expected_pictures, score = expected
    X = CONTAINERS[container](paths)
    pictures = colorizer.predict(X)
    assert isinstance(pictures, np.ndarray)
    if container == "stack":
        assert pictures.shape == PHOTOS.shape
    else:
        assert pictures.dtype == object and pictures.shape == (len(PHOTOS),)
    np.testing.assert_array_equal(np.stack(list(pictures)), expected_pictures)
    assert colorizer.score(X) == score
    assert same_weights(small(max_iter=1).fit(X), fitted)


def test_what_train_test_split_gives(colorizer, paths):
    for X in (pd.Series(paths), np.array(paths), paths, PHOTOS):
        train, test = train_test_split(X, test_size=2, random_state=0)
        pictures = small(max_iter=1).fit(train).predict(test)
        expected = PHOTOS[train_test_split(np.arange(len(PHOTOS)), test_size=2, random_state=0)[1]]
        for picture, photo in zip(pictures, expected, strict=True):
            assert levels_apart(gray_levels(picture), gray_levels(photo)) <= 1


def test_a_series_may_hold_targets(paths):
    targets = pd.Series(paths, index=reversed(range(len(paths))))
    gray = list(ToGrayscale().transform(PHOTOS))
    assert same_weights(small(max_iter=1).fit(gray, targets), small(max_iter=1).fit(gray, PHOTOS))


REFUSED = {
    "mapping": (lambda: load_example_images(), TypeError, "bunch.images"),
    "frame": (lambda: pd.DataFrame({"path": ["a.jpg"]}), TypeError, r"frame\['path'\]"),
    "generator": (lambda: (photo for photo in PHOTOS), TypeError, "pass a list"),
    "number": (lambda: 3, TypeError, "photos are paths, bytes, PIL images or arrays"),
    "nothing": (lambda: None, TypeError, "photos are paths"),
    "empty list": (lambda: [], ValueError, "got no photos"),
    "channels first": (lambda: PHOTOS.transpose(0, 3, 1, 2), ValueError, "channels last"),
    "a 5-D array": (lambda: PHOTOS[None], ValueError, "channels last"),
    "int64": (lambda: PHOTOS.astype(int), ValueError, r"\.astype\('uint8'\)"),
    "a lost slash": (lambda: [Path("s3://bucket/a.jpg")], ValueError, "give a str"),
    "a list of lists": (lambda: [["a.jpg"]], TypeError, "photo 0 is of type list"),
    "NaN": (lambda: [np.full((8, 8), np.nan)], ValueError, "photo 0 has float values"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_refused_forms_say_what_to_pass(colorizer, form):
    make, error, words = REFUSED[form]
    for call in (small().fit, small().partial_fit, colorizer.predict, colorizer.transform, colorizer.score):
        with pytest.raises(error, match=words):
            call(make())


def test_tensors_are_refused_with_the_way_to_an_array(colorizer):
    import torch

    for call in (small().fit, colorizer.predict):
        with pytest.raises(TypeError, match=r"permute\(0, 2, 3, 1\)\.cpu\(\)\.numpy\(\)"):
            call(torch.zeros(2, 3, 32, 32))


@pytest.mark.parametrize(
    "photo", [RGB, GRAY, "a.jpg", Path("a.jpg"), b"bytes", Image.new("L", (4, 4))], ids=type
)
def test_a_bare_photo_is_refused_where_several_are_needed(colorizer, photo):
    for call in (small().fit, small().partial_fit, colorizer.score):
        with pytest.raises(ValueError, match="put it in a list"):
            call(photo)


# --------------------------------------------------------- lightness and colours


@pytest.fixture(scope="module")
def embedded():
    return Colorizer.from_pretrained(image_size=64)


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(300, 300), dtype=np.uint8)


@pytest.mark.parametrize("vividness", [1.0, 3.0])
@pytest.mark.parametrize("kind", ["photos", "noise"])
def test_lightness_is_kept(embedded, kind, vividness):
    """In 99.9 % of pixels within a level, however vivid: beyond the gamut chroma goes, not lightness."""
    embedded.set_params(vividness=vividness)
    photos = [noise()] if kind == "noise" else load_example_images().images[:4]
    grays = ToGrayscale().transform(photos)
    for gray in grays:
        picture = embedded.predict(gray)
        assert np.ptp(picture, axis=2).max() > 20  # it has colours
        kept = np.abs(ToGrayscale().transform(picture).astype(int) - gray) <= 1
        assert kept.mean() >= 0.999
    embedded.set_params(vividness=1.0)


def test_the_lab_of_a_picture_is_the_picture(embedded, colorizer):
    photos = [*load_example_images().images[:2], noise(), *ARRAYS.values()]
    for model in (embedded, colorizer):
        for photo in photos if model is colorizer else photos[:3]:
            lab, picture = model.transform(photo), model.predict(photo)[..., :3]
            assert levels_apart(LabToRGB().transform(lab), picture) <= 1
            pixels = read_photo(photo).pixels
            own = rgb_to_lab(pixels)[..., 0] if pixels.ndim == 3 else gray_to_lightness(pixels)
            np.testing.assert_allclose(lab[..., 0], own, atol=1e-3)
