"""Photos in a device's memory, and crops cut there: the code of a GPU, run on the processor."""

import numpy as np
import pytest
import torch
from skimage import data
from small import made_up_photos, small

from skcolorize.training import uploading
from skcolorize.training.augmentation import crop, draws, make_batch, place
from skcolorize.training.batches import FeatureBatches, PhotoBatches
from skcolorize.training.cache import cache_photos
from skcolorize.training.uploading import UploadedPhotos, uploaded

CPU = torch.device("cpu")
#: Rough, of several sizes, one of them just as large as a crop.
PHOTOS = [data.astronaut()[:400, 100:300], data.coffee()[50:350, 50:500], data.astronaut()[:200, 150:350]]
PHOTOS = [p[::step, ::step] for p, step in zip(PHOTOS, (3, 4, 3), strict=True)]
PHOTOS[2] = PHOTOS[2][:64, :64]


@pytest.mark.parametrize("augment", [True, "flip", False])
@pytest.mark.parametrize("size", [(64, 64), (32, 64), (96, 128)])
def test_crops_are_those_of_pillow(augment, size):
    photos = UploadedPhotos(PHOTOS, CPU)
    for epoch in range(6):
        rngs = [draws(0, epoch, i) for i in range(3)]
        ours = photos.crops(
            range(3), [place(p.shape, size, augment, r) for p, r in zip(PHOTOS, rngs, strict=True)], size
        )
        for i, photo in enumerate(PHOTOS):
            plain = crop(photo, size, augment, draws(0, epoch, i))
            difference = np.abs(ours[i].numpy().astype(int) - plain)
            assert (difference <= 1).mean() > 0.99
            assert difference.max() <= 20  # Pillow clips between rows and columns: at the edges of highlights


def test_a_crop_does_not_depend_on_its_neighbours():
    photos = UploadedPhotos(PHOTOS, CPU)
    places = [place(photo.shape, (64, 64), True, draws(1, 0, i)) for i, photo in enumerate(PHOTOS)]
    together = photos.crops([0, 1, 2], places, (64, 64))
    for i in range(3):
        assert torch.equal(photos.crops([i], [places[i]], (64, 64))[0], together[i])


def test_photos_come_back_as_they_were():
    photos = UploadedPhotos(PHOTOS, CPU)
    assert len(photos) == 3
    for i, photo in enumerate(PHOTOS):
        np.testing.assert_array_equal(photos[i], photo)


@pytest.mark.parametrize("channels", [3, 4])
def test_batches_are_those_of_the_cache(channels):
    cache = [np.concatenate([p, p[..., :1]], 2)[..., :channels] for p in PHOTOS]
    photos = UploadedPhotos(cache, CPU)
    both = [make_batch(source, [2, 0], (64, 64), True, 0, 3) for source in (cache, photos)]
    for one, other in zip(*both, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().mean() < (0.01 if one.shape[1] == 1 else 0.3)


def test_a_cache_is_uploaded_where_there_is_room_for_it(monkeypatch):
    cache = cache_photos(PHOTOS, str, None, 64)
    assert cache.n_bytes == sum(cache[i].nbytes for i in range(3))
    assert uploaded(cache, CPU) is cache
    for room, fits in ((cache.n_bytes, True), (cache.n_bytes - 1, False)):
        monkeypatch.setattr(uploading, "spare_memory", lambda device, room=room: room)
        assert isinstance(uploaded(cache, CPU), UploadedPhotos) == fits


@pytest.mark.parametrize("options", [{}, {"freeze_encoder": True, "augment": "flip"}])
def test_a_fit_learns_the_same_from_uploaded_photos(options, monkeypatch):
    photos = list(made_up_photos(6, 40, 56))
    plain = small(early_stopping=True, validation_fraction=0.34, **options).fit(photos)
    for module in ("uploading", "batches"):
        monkeypatch.setattr(f"skcolorize.training.{module}.spare_memory", lambda device: 10**9)
    seen = []
    original = UploadedPhotos.crops
    monkeypatch.setattr(UploadedPhotos, "crops", lambda *args: seen.append(1) or original(*args))
    other = small(early_stopping=True, validation_fraction=0.34, **options).fit(photos)
    assert seen
    np.testing.assert_allclose(other.loss_curve_, plain.loss_curve_, rtol=1e-3)
    np.testing.assert_allclose(other.validation_scores_, plain.validation_scores_, atol=0.1)


def test_maps_of_a_frozen_encoder_lie_on_the_device_where_there_is_room(monkeypatch):
    from skcolorize.networks import build_network, network_config

    network = build_network(network_config("squeezenet1_1"), 0).eval()
    batches = PhotoBatches(PHOTOS, range(3), (64, 64), "flip", 0, CPU)
    stored = FeatureBatches(batches, network)
    row = stored._rows[0].nbytes
    for room, fits in ((6 * row, True), (6 * row - 1, False)):
        monkeypatch.setattr("skcolorize.training.batches.spare_memory", lambda device, room=room: room)
        features = FeatureBatches(batches, network)
        assert isinstance(features._rows, torch.Tensor) == fits
        for epoch in range(3):
            (maps, ab), (maps2, ab2) = features.batch([2, 0], epoch), stored.batch([2, 0], epoch)
            assert all(torch.equal(a, b) for a, b in zip((*maps, ab), (*maps2, ab2), strict=True))
