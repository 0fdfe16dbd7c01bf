"""The colour conversions, held against scikit-image and against themselves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from skimage.color import lab2rgb, rgb2lab

from skcolorize import _color_tables as tables
from skcolorize import _strips as strips
from skcolorize import color

CUBE = np.stack(np.meshgrid(*[np.linspace(0, 1, 33)] * 3, indexing="ij"), axis=-1)
LEVELS = {"uint8": 255, "uint16": 65535, "float32": 1}


def cube_of(dtype):
    return CUBE if dtype == "float64" else np.rint(CUBE * LEVELS[dtype]).astype(dtype)


def random_pixels(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 3), dtype=np.uint8)


@pytest.fixture
def wild_lab():
    """Colours far beyond sRGB, and some within."""
    return np.random.default_rng(0).uniform([0, -110, -110], [100, 110, 110], (20_000, 3)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float64", "uint8", "uint16"])
def test_lab_agrees_with_scikit_image(dtype):
    rgb = cube_of(dtype)
    lab = color.rgb_to_lab(rgb)
    assert lab.dtype == np.float32
    assert_allclose(lab, rgb2lab(rgb), atol=0.01, rtol=0)


def test_half_precision_is_not_computed_in():
    rgb = CUBE.astype(np.float16)
    assert_array_equal(color.rgb_to_lab(rgb), color.rgb_to_lab(rgb.astype(np.float32)))
    gray = rgb[0, 0, :, 0]
    assert_array_equal(color.gray_to_lightness(gray), color.gray_to_lightness(gray.astype(np.float32)))


def test_black_and_white_are_exact():
    lab = color.rgb_to_lab(np.array([[0, 0, 0], [255, 255, 255]], np.uint8))
    assert_array_equal(lab[0], 0)
    assert lab[1, 0] == 100


@pytest.mark.parametrize(("dtype", "atol"), [("uint8", 1), ("uint16", 1), ("float32", 2e-5)])
def test_rgb_agrees_with_scikit_image(dtype, atol):
    lab = rgb2lab(np.random.default_rng(0).random((100_000, 3)))
    expected = lab2rgb(lab) * LEVELS[dtype]
    rgb = color.lab_to_rgb(lab, dtype)
    assert rgb.dtype == dtype
    assert_allclose(rgb, expected, atol=atol, rtol=0)
    if dtype == "uint8":
        assert np.mean(rgb == np.rint(expected)) > 0.99


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")
def test_clips_beyond_the_gamut_as_scikit_image_does(wild_lab):
    assert_allclose(color.lab_to_rgb(wild_lab, "float32"), lab2rgb(wild_lab), atol=1e-4)


def test_random_8_bit_colours_come_back():
    rgb = random_pixels(100_000)
    assert_array_equal(color.lab_to_rgb(color.rgb_to_lab(rgb)), rgb)


@pytest.mark.slow
def test_every_8_bit_colour_comes_back():
    green, blue = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    for red in range(256):
        rgb = np.stack([np.full_like(green, red), green, blue], axis=-1).astype(np.uint8)
        assert_array_equal(color.lab_to_rgb(color.rgb_to_lab(rgb)), rgb)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_deep_colours_come_back(dtype):
    rgb = cube_of(dtype)
    back = color.lab_to_rgb(color.rgb_to_lab(rgb), dtype)
    assert_allclose(back / LEVELS[dtype], rgb / LEVELS[dtype], atol=1e-3)


@pytest.mark.parametrize(
    "shape", [(3,), (0, 3), (1, 1, 3), (5, 7, 3), (2, 3, 4, 3), (2 * strips.STRIP + 1, 3)]
)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_shapes_strips_and_threads_change_nothing(shape, n_jobs):
    rgb = random_pixels(np.prod(shape) // 3).reshape(shape)
    lab = color.rgb_to_lab(rgb, n_jobs=n_jobs)
    assert lab.shape == shape
    some = np.arange(0, lab.size // 3, 1009)
    for i in some:  # but for the last bits: to BLAS it may matter where in a product a pixel stands
        alone = color.rgb_to_lab(rgb.reshape(-1, 3)[i])
        assert_allclose(lab.reshape(-1, 3)[i], alone, rtol=0, atol=1e-4)
    assert_array_equal(color.lab_to_rgb(lab, n_jobs=n_jobs), rgb)


def test_layout_of_memory_changes_nothing():
    rgb = random_pixels(300).reshape(10, 30, 3)
    rgb.flags.writeable = False
    lab = color.rgb_to_lab(rgb)
    assert_array_equal(color.rgb_to_lab(rgb[:, ::-1]), lab[:, ::-1])
    assert_array_equal(color.lab_to_rgb(lab[::-2].astype(np.float64)), rgb[::-2])
    assert_array_equal(color.gray_to_lightness(rgb[..., 0]), color.gray_to_lightness(rgb[..., 0].copy()))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_gray_is_the_gray_of_colour_and_comes_back(dtype):
    gray = np.arange(LEVELS[dtype] + 1).astype(dtype)
    lightness = color.gray_to_lightness(gray)
    assert lightness.dtype == np.float32
    assert_allclose(lightness, color.rgb_to_lab(np.stack([gray] * 3, axis=-1))[:, 0], atol=2e-3)
    assert_allclose(lightness, color.gray_to_lightness(gray / LEVELS[dtype]), atol=1e-4)
    assert_array_equal(color.lightness_to_gray(lightness, dtype), gray)


def test_lightness_is_clipped_and_floats_stay_in_range():
    assert_array_equal(color.lightness_to_gray([-5, 0, 100, 120]), [0, 0, 255, 255])
    gray = color.lightness_to_gray(np.linspace(-1, 101, 1000), "float32")
    assert_allclose([gray.min(), gray.max()], [0, 1], atol=1e-6)
    assert np.all(np.diff(gray) >= 0)


def test_scaling_has_the_network_range_and_an_inverse(wild_lab):
    assert_allclose(color.scale_lab([[0, -128, 128], [100, 0, 64]]), [[-1, -1, 1], [1, 0, 0.5]])
    assert_allclose(color.unscale_lab(color.scale_lab(wild_lab)), wild_lab, atol=1e-4)


def linear_of(lab):
    """Linear RGB of Lab in float64, by the book."""
    y = (lab[..., 0] + 16.0) / 116
    roots = np.stack([y + lab[..., 1] / 500.0, y, y - lab[..., 2] / 200.0])
    ratios = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29))
    return np.einsum("ij,j...->...i", tables.RGB_FROM_XYZ.astype(float), ratios)


def excess(lab):
    linear = linear_of(lab)
    return np.maximum(-linear.min(axis=-1), linear.max(axis=-1) - 1)


def test_gamut_keeps_lightness_and_hue_and_fits(wild_lab):
    outside = excess(wild_lab) > 2 * tables.GAMUT_TOLERANCE
    assert 0.5 < outside.mean() < 0.95
    before = wild_lab.copy()
    clipped = color.clip_to_gamut(wild_lab)
    assert_array_equal(wild_lab, before)
    assert_array_equal(clipped[..., 0], wild_lab[..., 0])
    inside = excess(wild_lab) < 0
    assert_array_equal(clipped[inside], wild_lab[inside])
    assert excess(clipped).max() < 1.1 * tables.GAMUT_TOLERANCE
    (a, b), (c, d) = wild_lab[outside, 1:].T, clipped[outside, 1:].T
    assert_allclose(a * d - b * c, 0, atol=0.01)  # parallel
    assert np.all(a * c + b * d >= 0)


def test_gamut_takes_no_more_chroma_than_it_must(wild_lab):
    wild_lab = wild_lab[excess(wild_lab) > 0.01]
    fuller = color.clip_to_gamut(wild_lab)
    fuller[:, 1:] += 2e-3 * (wild_lab[:, 1:] - fuller[:, 1:])
    assert np.mean(excess(fuller) > tables.GAMUT_TOLERANCE) > 0.99


def test_gamut_of_black_white_and_beyond():
    clipped = color.clip_to_gamut([[0, 20, 20], [100, -30, 5], [-3, 10, 0], [104, 0, 9]])
    assert_allclose(clipped, [[0, 0, 0], [100, 0, 0], [0, 0, 0], [100, 0, 0]], atol=1)
    assert color.clip_to_gamut(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    "function", [color.rgb_to_lab, color.lab_to_rgb, color.scale_lab, color.clip_to_gamut]
)
def test_three_channels_are_asked_for(function):
    with pytest.raises(ValueError, match=r"must have shape \(\.\.\., 3\), got \(4, 4\)"):
        function(np.zeros((4, 4)))


@pytest.mark.parametrize("function", [color.rgb_to_lab, color.gray_to_lightness])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((2, 3), 200.0), r"must lie in 0\.\.1.*astype\('uint8'\).*lab_to_rgb"),
        (np.full((2, 3), -0.1), r"must lie in 0\.\.1"),
        (np.full((2, 3), np.nan), r"must lie in 0\.\.1"),
        (np.zeros((2, 3), np.int64), "int64; cast it first"),
    ],
)
def test_levels_out_of_range_are_refused(function, values, message):
    with pytest.raises(ValueError, match=message):
        function(values)


@pytest.mark.parametrize("function", [color.lab_to_rgb, color.lightness_to_gray])
def test_unknown_dtypes_are_refused(function):
    with pytest.raises(ValueError, match="'uint8', 'uint16' or 'float32', got 'int32'"):
        function(np.zeros((1, 3)), dtype="int32")
