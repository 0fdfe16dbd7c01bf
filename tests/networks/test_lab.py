"""Lab on tensors agrees with skcolorize.color and scikit-image."""

import numpy as np
import pytest
import skimage.color
import torch

from skcolorize import color
from skcolorize._color_tables import linear_from_srgb, srgb_from_linear
from skcolorize.networks.lab import lab_to_rgb, rgb_to_lab


def cube(levels):
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(1, -1, len(levels), 3)


LEVELS = np.unique(np.linspace(0, 255, 33).astype(np.uint8))


def stacked(lightness, ab):
    return torch.cat([(lightness + 1) * 50, ab], 1).movedim(1, -1).numpy()


def test_uint8_agrees_with_color_and_scikit_image():
    rgb = cube(LEVELS)
    lightness, ab = rgb_to_lab(torch.from_numpy(rgb))
    assert lightness.dtype == ab.dtype == torch.float32
    assert lightness.shape == (1, 1, *rgb.shape[1:3])
    lab = stacked(lightness, ab)
    np.testing.assert_allclose(lab, skimage.color.rgb2lab(rgb), atol=1e-3)
    np.testing.assert_allclose(lab, color.rgb_to_lab(rgb), atol=0.01)


def test_layouts_and_floats_agree():
    rgb = torch.from_numpy(cube(LEVELS))
    lightness, ab = rgb_to_lab(rgb)
    planar = rgb.movedim(-1, 1)
    for images in (planar, planar.contiguous(), planar.float() / 255, planar.double() / 255):
        got = rgb_to_lab(images)
        torch.testing.assert_close(got[0].float(), lightness, rtol=0, atol=1e-5)
        torch.testing.assert_close(got[1].float(), ab, rtol=0, atol=1e-3)


def test_there_and_back():
    rgb = torch.from_numpy(cube(LEVELS)).movedim(-1, 1)
    back = lab_to_rgb(*rgb_to_lab(rgb))
    torch.testing.assert_close(back, rgb.float() / 255, rtol=0, atol=1e-4)
    assert torch.equal((back * 255).round().to(torch.uint8), rgb)


def test_colours_outside_srgb_are_clipped_as_in_scikit_image():
    generator = torch.Generator().manual_seed(0)
    lightness = torch.rand(1, 1, 64, 64, generator=generator) * 2 - 1
    ab = torch.rand(1, 2, 64, 64, generator=generator) * 240 - 120
    rgb = lab_to_rgb(lightness, ab)
    assert rgb.min() == 0
    assert 0.9999 < rgb.max() <= 1
    with pytest.warns(UserWarning, match="negative Z"):
        expected = skimage.color.lab2rgb(stacked(lightness, ab))
    np.testing.assert_allclose(rgb.movedim(1, -1).numpy(), expected, atol=1e-4)


def test_neutral_grays_have_no_colour():
    gray = torch.arange(256, dtype=torch.uint8)[None, None, None].expand(1, 3, 1, 256)
    lightness, ab = rgb_to_lab(gray)
    assert ab.abs().max() < 0.02
    expected = color.gray_to_lightness(np.arange(256, dtype=np.uint8))
    np.testing.assert_allclose((lightness.numpy()[0, 0, 0] + 1) * 50, expected, atol=0.01)


def test_exposure_is_a_factor_of_light():
    rgb = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    linear = torch.from_numpy(linear_from_srgb(rgb.double().numpy()))
    factors = torch.tensor([0.5, 3.0])
    exposed = srgb_from_linear((linear * factors[:, None, None, None]).clamp(max=1).numpy())
    expected = rgb_to_lab(torch.from_numpy(exposed).float())
    for ours, theirs in zip(rgb_to_lab(rgb, factors), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-3)
