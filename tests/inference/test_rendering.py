"""The full-size picture: the lightness that was given, the colours that were asked for, in any shape."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from skimage import data

from skcolorize import _strips as strips
from skcolorize import color
from skcolorize.inference.rendering import render_image, render_lab, render_rgb

SHAPES = [(1, 1), (3, 2), (31, 1000), (200, 150), (70_000, 2)]
GRIDS = [(1, 1), (8, 8), (5, 300), (48, 36)]


def random_ab(shape, chroma, seed=0):
    return np.random.default_rng(seed).normal(0, chroma, (*shape, 2)).astype(np.float32)


def random_gray(shape, low=0, high=256, dtype=np.uint8):
    return np.random.default_rng(1).integers(low, high, shape, dtype=dtype)


def gray_of(rgb):
    return color.lightness_to_gray(color.rgb_to_lab(rgb)[..., 0])


def coarse_ab(photo, shape=(48, 64)):
    small = Image.fromarray(photo).resize(shape[::-1], Image.Resampling.BOX)
    return color.rgb_to_lab(np.asarray(small))[..., 1:]


def psnr(photo, picture):
    return -10 * np.log10(np.mean((photo / 255.0 - picture / 255.0) ** 2))


PHOTOS = {
    "noise": random_gray((600, 400)),
    "ramp": np.tile(np.arange(256, dtype=np.uint8), (256, 1)),
    "astronaut": gray_of(data.astronaut()),
    "cat": gray_of(data.chelsea()),
}


@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
@pytest.mark.parametrize("chroma", [10, 80])
@pytest.mark.parametrize("name", PHOTOS)
def test_lightness_is_kept(name, chroma, upsampling):
    gray = PHOTOS[name]
    picture = render_rgb(gray, random_ab((48, 64), chroma), upsampling=upsampling)
    off = np.abs(gray_of(picture).astype(int) - gray)
    assert np.mean(off <= 1) >= 0.999


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_colours_are_interpolated_like_areas(shape, grid):
    """Within the gamut ab is exactly what PyTorch's bilinear interpolation gives."""
    ab = random_ab(grid, 3)
    lab = render_lab(random_gray(shape, 110, 140), ab)
    planes = torch.from_numpy(ab).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(planes, shape, mode="bilinear", align_corners=False)
    assert_allclose(lab[..., 1:], expected[0].permute(1, 2, 0).numpy(), atol=2e-3)


@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
@pytest.mark.parametrize(("dtype", "atol"), [("uint8", 1), ("uint16", 66), ("float32", 1e-3)])
def test_lab_and_rgb_are_one_picture(dtype, atol, upsampling):
    gray, ab = random_gray((300, 200)), random_ab((12, 8), 40)
    lab = render_lab(gray, ab, upsampling=upsampling)
    assert_allclose(lab[..., 0], color.gray_to_lightness(gray), atol=1e-4)
    picture = render_rgb(gray, ab, dtype=dtype, upsampling=upsampling)
    assert picture.dtype == dtype
    assert_allclose(picture, color.lab_to_rgb(lab, dtype), atol=atol, rtol=0)


def test_beyond_the_gamut_chroma_is_lowered_along_the_hue():
    photo = data.astronaut()
    gray, ab = gray_of(photo), 1.5 * coarse_ab(photo)
    asked = np.stack(
        [
            np.asarray(Image.fromarray(ab[..., i]).resize(gray.shape[::-1], Image.Resampling.BILINEAR))
            for i in (0, 1)
        ],
        axis=-1,
    )
    given, best = (
        render_lab(gray, ab),
        np.concatenate([color.gray_to_lightness(gray)[..., None], asked], axis=-1),
    )
    best = color.clip_to_gamut(best)[..., 1:]
    chroma, full = np.hypot(*asked.transpose(2, 0, 1)), np.hypot(*best.transpose(2, 0, 1))
    repaired = (full < 0.99 * chroma) & (full > 4)
    assert 0.05 < repaired.mean() < 0.5
    a, b = given[repaired, 1:].T
    c, d = asked[repaired].T
    turned = np.degrees(np.abs(np.arctan2(a * d - b * c, a * c + b * d)))
    assert turned.mean() < 1
    assert_allclose(np.hypot(a, b), full[repaired], atol=8)
    assert np.mean(np.abs(np.hypot(a, b) - full[repaired])) < 1


def test_black_and_white_stay_so():
    gray = np.array([[0, 255] * 8], np.uint8)
    assert_array_equal(render_rgb(gray, [[[60, -60]]]), np.repeat(gray[..., None], 3, axis=-1))


def test_forms_of_lightness_are_one_picture():
    gray, ab = random_gray((90, 61)), random_ab((6, 5), 20)
    picture = render_rgb(gray, ab).astype(int)
    for upsampling in ("bilinear", "guided"):
        picture = render_rgb(gray, ab, upsampling=upsampling).astype(int)
        deep = render_rgb(gray * np.uint16(257), ab, upsampling=upsampling)
        floats = render_rgb(color.gray_to_lightness(gray).astype(np.float64), ab, upsampling=upsampling)
        assert np.abs(deep - picture).max() <= 1
        assert np.abs(floats - picture).max() <= 1


def test_layout_of_memory_changes_nothing():
    gray, ab = random_gray((90, 61)), random_ab((6, 5), 20)
    picture = render_rgb(gray, ab)
    turned, frozen = np.asfortranarray(gray), ab[::-1][::-1]
    turned.flags.writeable = frozen.flags.writeable = False
    assert_array_equal(render_rgb(turned, frozen.astype(np.float64)), picture)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
def test_strips_and_threads_change_nothing(shape, upsampling, monkeypatch):
    gray, ab = random_gray(shape), random_ab((16, 12), 30)
    picture = render_rgb(gray, ab, upsampling=upsampling)
    assert picture.shape == (*shape, 3)
    monkeypatch.setattr(strips, "STRIP", 7_000)
    many = render_rgb(gray, ab, upsampling=upsampling, n_jobs=2).astype(int)
    assert np.abs(many - picture).max() <= 1  # products of other sizes may round otherwise
    assert np.mean(many != picture) < 1e-3


def test_many_callers_at_once():
    gray, ab = random_gray((400, 500)), random_ab((16, 12), 30)
    picture = render_rgb(gray, ab)
    with ThreadPoolExecutor(8) as pool:
        for other in pool.map(lambda _: render_rgb(gray, ab, n_jobs=2), range(16)):
            assert_array_equal(other, picture)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_pillow_takes_the_image_as_it_is(format, tmp_path):
    gray, ab = random_gray((60, 80), 100, 150), random_ab((6, 8), 5)
    image = render_image(gray, ab)
    assert_array_equal(np.asarray(image)[..., :3], render_rgb(gray, ab))
    image.save(tmp_path / "picture", format)
    with Image.open(tmp_path / "picture") as saved:
        assert (saved.mode, saved.size) == ("RGB", (80, 60))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_guided_colours_follow_edges(name):
    photo = getattr(data, name)()
    gray, ab = gray_of(photo), coarse_ab(photo)
    guided = psnr(photo, render_rgb(gray, ab, upsampling="guided"))
    assert guided > psnr(photo, render_rgb(gray, ab)) + 0.2


def test_guided_leaves_flat_lightness_alone():
    gray, ab = np.full((64, 64), 120, np.uint8), random_ab((8, 8), 8)
    assert_allclose(render_lab(gray, ab, upsampling="guided"), render_lab(gray, ab), atol=1e-3)


def test_memory_is_a_few_strips():
    gray, ab = random_gray((2000, 3000), 0, 65536, np.uint16), random_ab((48, 64), 20)
    render_rgb(gray[:2], ab)  # the tables stay
    tracemalloc.start()
    picture = render_rgb(gray, ab)
    peak = tracemalloc.get_traced_memory()[1] - picture.nbytes
    tracemalloc.stop()
    assert peak < 16e6


@pytest.mark.parametrize("render", [render_rgb, render_image, render_lab])
@pytest.mark.parametrize(
    ("lightness", "ab", "options", "message"),
    [
        (
            np.zeros((4, 4, 3), np.uint8),
            np.zeros((1, 1, 2)),
            {},
            r"lightness must be \(H, W\).*got \(4, 4, 3\)",
        ),
        (np.zeros((4, 4), np.int32), np.zeros((1, 1, 2)), {}, "uint8, uint16 or float.*int32"),
        (
            np.zeros((4, 4), np.uint8),
            np.zeros((2, 1, 1)),
            {},
            r"ab must have shape \(h, w, 2\), got \(2, 1, 1\)",
        ),
        (np.zeros((4, 4), np.uint8), np.zeros((1, 1, 2)), {"upsampling": "cubic"}, "'guided', got 'cubic'"),
    ],
)
def test_wrong_input_is_named(render, lightness, ab, options, message):
    with pytest.raises(ValueError, match=message):
        render(lightness, ab, **options)
