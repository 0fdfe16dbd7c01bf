"""Transformers: what they compute, the container rule, and how they live among scikit-learn's tools."""

import pathlib
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from photo_files import PHOTO_FILES, alpha_scene, gray_scene, scene, write_photo_files
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skcolorize import color
from skcolorize.images import PhotoError, decode
from skcolorize.preprocessing import ImageLoader, LabScaler, LabToRGB, RGBToLab, ToGrayscale

RGB, GRAY = scene(), gray_scene()
LAB = color.rgb_to_lab(RGB)
TAKES_PHOTOS = [RGBToLab(), ToGrayscale(), ImageLoader()]
TAKES_LAB = [LabToRGB(), LabScaler()]
ALL = [*TAKES_PHOTOS, *TAKES_LAB]


def example(transformer):
    return RGB if isinstance(transformer, tuple(map(type, TAKES_PHOTOS))) else LAB


def assert_alike(actual, desired):
    """But for the last bits: to BLAS (as on Haswell) it may matter where in a product a pixel stands."""
    assert_allclose(actual, desired, rtol=0, atol=1e-4)


def name(transformer):
    return type(transformer).__name__


# What they compute


def test_rgb_to_lab_and_back():
    assert_array_equal(RGBToLab().transform(RGB), LAB)
    assert_array_equal(RGBToLab().inverse_transform(LAB), RGB)
    assert RGBToLab().transform(RGB).dtype == np.float32


def test_gray_photos_have_no_ab():
    lab = RGBToLab().transform(GRAY)
    assert_array_equal(lab[..., 1:], 0)
    assert_array_equal(lab[..., 0], color.gray_to_lightness(GRAY))
    assert_array_equal(RGBToLab().inverse_transform(lab), np.repeat(GRAY[..., None], 3, axis=-1))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_lab_to_rgb_of_every_type(dtype):
    rgb = LabToRGB(dtype=dtype).transform(LAB)
    assert rgb.dtype == dtype and rgb.shape == RGB.shape
    assert_array_equal(decode.as_levels(rgb, "uint8"), RGB)
    assert_allclose(LabToRGB(dtype).inverse_transform(rgb), LAB, atol=0.02 if dtype != "uint8" else 1e-6)


def test_scaled_lab():
    scaled = LabScaler().transform(LAB)
    assert scaled.dtype == np.float32 and np.abs(scaled).max() <= 1
    assert_allclose(scaled[..., 0], LAB[..., 0] / 50 - 1, atol=1e-6)
    assert_allclose(scaled[..., 1:], LAB[..., 1:] / 128, atol=1e-6)
    assert_allclose(LabScaler().inverse_transform(scaled), LAB, atol=1e-4)


def test_to_grayscale_keeps_lightness():
    gray = ToGrayscale().transform(RGB)
    assert gray.shape == RGB.shape[:2] and gray.dtype == np.uint8
    assert np.abs(color.gray_to_lightness(gray) - LAB[..., 0]).max() < 0.5
    assert_array_equal(ToGrayscale().transform(GRAY), GRAY)
    sixteen = ToGrayscale().transform(RGB / 255)
    assert sixteen.dtype == np.uint16
    assert np.abs(color.gray_to_lightness(sixteen) - LAB[..., 0]).max() < 0.01
    assert ToGrayscale().transform(np.dstack([RGB, alpha_scene()])).shape == RGB.shape[:2]


def test_image_loader_reads_every_kind_of_file(tmp_path):
    paths = write_photo_files(tmp_path)
    loaded = ImageLoader().transform(list(paths.values()))
    assert loaded.dtype == object and loaded.shape == (len(paths),)
    for kind, pixels in zip(paths, loaded, strict=True):
        file = PHOTO_FILES[kind]
        expected = file.pixels()
        assert pixels.dtype == expected.dtype
        assert pixels.shape == ((40, 56, 4) if file.alpha else expected.shape)
        assert pixels.flags.writeable
    assert_array_equal(loaded[list(paths).index("la_png")], np.dstack([GRAY, GRAY, GRAY, alpha_scene()]))


def test_image_loader_reduces_to_max_size():
    loaded = ImageLoader(max_size=20).transform([RGB, GRAY.T, RGB[:7, :9]])
    assert [photo.shape for photo in loaded] == [(14, 20, 3), (20, 14), (7, 9, 3)]
    assert ImageLoader(max_size=28).transform(np.dstack([RGB, alpha_scene()])).shape == (20, 28, 4)


def test_image_loader_names_a_broken_file(tmp_path):
    with pytest.raises(PhotoError, match=r"photo 1 \('.*nope.jpg'\) is missing"):
        ImageLoader().transform([RGB, tmp_path / "nope.jpg"])


def test_what_is_no_lab_is_told():
    with pytest.raises(ValueError, match=r"photo 1 must be Lab, an array \(H, W, 3\) of floats.*got uint8"):
        LabToRGB().transform([LAB, RGB])
    with pytest.raises(ValueError, match=r"the photo .'a.jpg'. must be Lab.*got str"):
        LabScaler().transform("a.jpg")
    with pytest.raises(ValueError, match=r"got float32 of shape \(40, 56\)"):
        LabScaler().inverse_transform(LAB[..., 0])


# The container rule


@pytest.mark.parametrize(
    ("transformer", "method"),
    [(t, m) for t in ALL for m in ("transform", "fit_transform", "inverse_transform") if hasattr(t, m)],
)
def test_container_in_decides_container_out(transformer, method):
    x = example(transformer)
    if method == "inverse_transform":
        x = transformer.transform(x)
    call = getattr(transformer, method)
    one = call(x)
    assert_alike(call(np.stack([x, x]))[1], one)
    assert call(np.stack([x, x])).dtype == one.dtype
    for several in ([x, x[:5]], (x, x[:5]), pd.Series([x, x[:5]], index=[4, 2]), [x, x]):
        result = call(several)
        assert isinstance(result, np.ndarray) and result.dtype == object and result.shape == (2,)
        assert_alike(result[0], one)
        assert_alike(result[1], one[: len(several[1] if not isinstance(several, pd.Series) else x[:5])])


@pytest.mark.parametrize("transformer", TAKES_PHOTOS, ids=name)
def test_paths_give_what_arrays_give(transformer, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PHOTO_FILES["rgb_png"].content())
    one = transformer.transform(RGB)
    for item in (path, str(path), path.read_bytes()):
        assert_array_equal(transformer.transform(item), one)
    assert_array_equal(transformer.transform(np.array([str(path)]))[0], one)


# Among scikit-learn's tools


@pytest.mark.parametrize("transformer", ALL, ids=name)
def test_stateless(transformer):
    check_is_fitted(transformer)
    assert not get_tags(transformer).requires_fit
    fitted = clone(transformer).fit([example(transformer)])
    assert vars(fitted) == vars(transformer)
    with pytest.raises(TypeError, match=r"bunch.images"):
        transformer.transform({"images": []})


@pytest.mark.parametrize(
    "transformer", [LabToRGB(dtype="int8"), ImageLoader(max_size=0), ImageLoader(max_size=1.5)]
)
def test_parameters_are_checked(transformer):
    parameter = next(iter(transformer.get_params()))
    for call in (transformer.fit, transformer.transform):
        with pytest.raises(ValueError, match=f"The '{parameter}' parameter of {name(transformer)} must be"):
            call([example(transformer)])


@pytest.mark.parametrize("transformer", ALL, ids=name)
def test_pandas_output_leaves_photos_as_they_are(transformer):
    x = [example(transformer)] * 2
    with sklearn.config_context(transform_output="pandas"):
        result = transformer.fit_transform(x)
        stack = transformer.transform(np.stack(x))
    assert isinstance(result, np.ndarray) and isinstance(stack, np.ndarray)
    assert not hasattr(transformer, "set_output")


@pytest.mark.parametrize("transformer", ALL, ids=name)
def test_saved_and_loaded(transformer, tmp_path):
    joblib.dump(transformer, tmp_path / "a.joblib")
    loaded = joblib.load(tmp_path / "a.joblib")
    x = example(transformer)
    assert loaded.get_params() == transformer.get_params()
    assert_array_equal(loaded.transform(x), transformer.transform(x))


def test_cached_pipeline(tmp_path):
    steps = [("load", ImageLoader(max_size=30)), ("lab", RGBToLab()), ("scale", LabScaler())]
    x = np.array(list(map(str, write_photo_files(tmp_path).values())))
    plain = Pipeline(steps).fit_transform(x)
    cached = Pipeline(steps, memory=str(tmp_path / "cache"))
    for _ in range(2):
        for one, other in zip(plain, cached.fit_transform(x), strict=True):
            assert_array_equal(one, other)


def test_pipeline_and_its_inverse():
    pipeline = make_pipeline(RGBToLab(), LabScaler())
    assert_array_equal(pipeline.inverse_transform(pipeline.fit_transform([RGB]))[0], RGB)
    assert_array_equal(make_pipeline(RGBToLab(), LabToRGB()).fit_transform(RGB), RGB)


def test_callbacks_pass_through_without_a_warning(capsys):
    pipeline = make_pipeline(ImageLoader(), ToGrayscale(), RGBToLab())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline.set_callbacks(ProgressBar()).fit([RGB])
    for step in ALL:
        clone(step).set_callbacks(ProgressBar()).fit([example(step)])


def test_train_test_split_keeps_paths(tmp_path):
    from sklearn.model_selection import train_test_split

    paths = pd.Series(sorted(map(str, write_photo_files(tmp_path).values())))
    train, test = train_test_split(paths, random_state=0)
    assert len(ImageLoader().transform(test)) == len(test)
    assert pathlib.Path(train.iloc[0]).exists()
