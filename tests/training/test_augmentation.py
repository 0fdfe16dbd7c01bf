"""What a photo looks like in an epoch depends on the seed, the epoch and the photo, and on nothing else."""

import numpy as np
import pytest
import torch
from small import made_up_photos

from skcolorize.color import gray_to_lightness, rgb_to_lab
from skcolorize.training.augmentation import (
    STRETCH,
    channels_kept,
    crop,
    draws,
    exposures,
    make_batch,
    order,
    place,
    vary_lightness,
)

PHOTOS = list(made_up_photos(5, 32, 48))
SIZE = 32, 32


def batch(indices, augment=True, seed=0, epoch=0, cache=PHOTOS):
    return make_batch(cache, indices, SIZE, augment, seed, epoch)


@pytest.mark.parametrize("augment", [True, "flip", False])
def test_neighbours_and_their_order_change_nothing(augment):
    x, ab = batch([0, 1, 2, 3], augment)
    assert x.shape == (4, 1, 32, 32) and ab.shape == (4, 2, 32, 32)
    for position, photo in enumerate([3, 1]):
        x2, ab2 = batch([3, 1], augment)
        assert torch.equal(x2[position], x[photo])
        assert torch.equal(ab2[position], ab[photo])


def test_seed_epoch_and_photo_each_matter():
    assert torch.equal(batch([1])[0], batch([1])[0])
    same_photo = [PHOTOS[0]] * 3
    pictures = [
        batch([i], cache=same_photo, seed=s, epoch=e)[0] for i in (0, 1) for s in (0, 1) for e in (0, 1)
    ]
    assert len({picture.numpy().tobytes() for picture in pictures}) == len(pictures)


def test_no_global_generator_is_drawn_from():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = batch([0, 1])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(batch([0, 1])[0], first[0])


def test_orders_are_permutations_that_change():
    orders = [order(seed, epoch, 20) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(o) == list(range(20)) for o in orders)
    assert len({tuple(o) for o in orders}) == 4
    assert (order(0, 0, 20) == orders[0]).all()


def test_without_augmentation_the_centre():
    rng = draws(0, 0, 0)
    np.testing.assert_array_equal(crop(PHOTOS[0], SIZE, False, rng), PHOTOS[0][:, 8:40])
    assert rng.random() == draws(0, 0, 0).random()  # nothing was drawn


def test_a_flip_is_the_centre_or_its_mirror_image():
    centre = PHOTOS[0][:, 8:40]
    kinds = [crop(PHOTOS[0], SIZE, "flip", draws(0, epoch, 0)) for epoch in range(40)]
    flipped = [bool((piece == centre[:, ::-1]).all()) for piece in kinds]
    assert all((piece == centre).all() or f for piece, f in zip(kinds, flipped, strict=True))
    assert 10 < sum(flipped) < 30


def test_crops_stay_within_the_photo_at_many_scales_and_places():
    ramp = np.zeros((64, 96, 3), np.uint8)
    ramp[..., 0] = np.arange(96) * 2
    ramp[..., 1] = np.arange(64)[:, None] * 3
    spans, lefts = [], []
    for epoch in range(60):
        piece = crop(ramp, SIZE, True, draws(0, epoch, 0)).astype(float)
        assert piece.shape == (32, 32, 3)
        columns, rows = piece[..., 0].mean(axis=0), piece[..., 1].mean(axis=1)
        spans.append((abs(columns[-1] - columns[0]) / 2 * abs(rows[-1] - rows[0]) / 3) ** 0.5)
        lefts.append(columns.min() / 2)
    assert 0.2 * 64 < min(spans) < 0.35 * 64 and 0.9 * 62 < max(spans) <= 64
    assert min(lefts) < 5 and max(lefts) > 40


def test_the_sides_of_crops_have_many_ratios_within_the_photo():
    places = [place((64, 96), SIZE, True, draws(0, epoch, 0)) for epoch in range(400)]
    ratios = np.array([np.log(p.width / p.height) for p in places])
    assert abs(ratios).max() <= STRETCH + 1e-9
    assert ratios.min() < -0.9 * STRETCH and ratios.max() > 0.9 * STRETCH
    assert abs(ratios.mean()) < 0.1
    for p in places:
        assert 0 <= p.top <= p.top + p.height <= 64 + 1e-9
        assert 0 <= p.left <= p.left + p.width <= 96 + 1e-9


def test_input_and_target_are_the_lab_of_the_same_crop():
    x, ab = batch([0], augment=False)
    lab = rgb_to_lab(PHOTOS[0][:, 8:40])
    np.testing.assert_allclose(x[0, 0] * 50 + 50, lab[..., 0], atol=0.02)
    np.testing.assert_allclose(ab[0].permute(1, 2, 0), lab[..., 1:], atol=0.05)


def test_a_fourth_channel_is_the_input_and_is_no_opacity():
    gray = np.zeros((32, 48, 1), np.uint8)
    gray[:, 24:] = 255
    four = np.concatenate([PHOTOS[0], gray], axis=2)
    x, ab = batch([0], augment=False, cache=[four])
    np.testing.assert_allclose(x[0, 0] * 50 + 50, gray_to_lightness(gray[:, 8:40, 0]), atol=0.02)
    assert torch.equal(ab, batch([0], augment=False)[1])
    rng = [draws(0, 0, 0) for _ in range(2)]  # resized, each channel keeps to itself
    np.testing.assert_array_equal(
        crop(four, SIZE, True, rng[0])[..., :3], crop(PHOTOS[0], SIZE, True, rng[1])
    )


def test_channels_are_kept_by_seed_epoch_and_photo():
    deep, deepest = channels_kept(0, 0, [3, 5], [40, 1000], 0.4)
    assert deep.shape == (2, 40, 1, 1) and deepest.shape == (2, 1000, 1, 1)
    assert deepest.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert abs(deepest.mean() - 1) < 0.05
    assert not torch.equal(deep[0], deep[1])
    assert torch.equal(channels_kept(0, 0, [5], [40, 1000], 0.4)[1][0], deepest[1])
    for seed, epoch in ((1, 0), (0, 1)):
        assert not torch.equal(channels_kept(seed, epoch, [3], [40, 1000], 0.4)[0][0], deep[0])


def test_exposures_are_those_of_some_photos_and_change_lightness_and_colour_together():
    factors = exposures([draws(0, 0, i) for i in range(200)])
    assert factors.dtype == torch.float32
    assert 100 < int((factors != 1).sum()) < 180
    assert 0.6 < factors.min() < 0.65 and 1.5 < factors.max() < 1.65
    photo = np.full((32, 32, 3), (120, 60, 30), np.uint8)
    plain, _ = batch([0], False, cache=[photo])
    seen = [batch([0], epoch=epoch, cache=[photo]) for epoch in range(40)]
    chromas = torch.stack([ab.square().sum(1).sqrt().mean() for _, ab in seen])
    lightness = torch.stack([x.mean() for x, _ in seen])
    assert chromas.max() > 1.1 * chromas.min()  # of exposures; lightness alone is varied without colour
    assert (lightness < plain.mean() - 0.02).any() and (lightness > plain.mean() + 0.02).any()


def test_lightness_varies_within_its_range():
    x = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).repeat(40, 1, 1, 1)
    varied = vary_lightness(x, [draws(0, 0, i) for i in range(40)])
    assert varied.min() >= -1 and varied.max() <= 1
    changed = (varied != x).flatten(1).any(1) & ((varied - x).abs().flatten(1).max(1).values > 1e-3)
    assert 10 < int(changed.sum()) < 35  # some photos, not all
    steps = varied[~changed]
    torch.testing.assert_close(steps, x[: len(steps)], atol=1e-5, rtol=0)
