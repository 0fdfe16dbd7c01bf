"""A whole fit, from its start to the calibration of vividness at its end."""

import numpy as np
import pytest
import torch
from small import made_up_photos, same_weights, small

from skcolorize.inference.decoding import Calibration, Decoding
from skcolorize.metrics import colorfulness
from skcolorize.networks import build_network, fold_encoder_norms_, network_config
from skcolorize.networks.heads import LogLoss, ab_bins
from skcolorize.training.batches import FeatureBatches, PhotoBatches
from skcolorize.training.cache import cache_photos
from skcolorize.training.evaluation import bin_shares, calibrate, validation_score

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos(6, 32, 48)
CPU = torch.device("cpu")


def photo_batches(augment=False, photos=PHOTOS):
    cache = cache_photos(list(photos), str, None, 32)
    return PhotoBatches(cache, np.arange(len(photos)), (32, 32), augment, 0, CPU)


# ------------------------------------------------------------- cached features


@pytest.mark.parametrize("encoder", ["squeezenet1_1", "mobilenet_v3_small", "densenet121"])
@pytest.mark.parametrize("augment", [False, "flip"])
def test_cached_features_are_what_the_encoder_gives(encoder, augment):
    network = build_network(network_config(encoder), 0)
    fold_encoder_norms_(network)
    plain = photo_batches(augment)
    features = FeatureBatches(plain, network)
    network.eval()
    positions = np.array([4, 0, 3, 1])
    flips = 0
    for epoch in (0, 1):
        (x, ab), (kept, ab2) = plain.batch(positions, epoch), features.batch(positions, epoch)
        *maps, lightness = kept
        for got, whole in ((ab2, ab), (lightness, x)):
            cells = torch.nn.functional.avg_pool2d(whole, 4)
            torch.testing.assert_close(got, cells, rtol=1e-3, atol=0.05)  # kept in float16
        assert all(m.is_contiguous(memory_format=torch.channels_last) for m in maps)
        with torch.no_grad():
            for got, expected in zip(maps, network.encode(x), strict=True):
                scale = float(expected.abs().max())
                torch.testing.assert_close(got, expected, rtol=2e-3, atol=2e-3 * scale)
            whole, decoded = plain.forward(network, x)["logits"], features.forward(network, kept)["logits"]
        torch.testing.assert_close(decoded, whole, rtol=2e-2, atol=2e-2 * float(whole.abs().max()))
        centred = plain.centred().batch(positions, epoch)[0]
        flips += sum(not torch.equal(a, b) for a, b in zip(x, centred, strict=True))
    assert (flips > 0) == (augment == "flip")


@pytest.mark.parametrize(
    ("decoder", "loss"), [("unet", "log_loss"), ("plain", "log_loss"), ("plain", "squared_error")]
)
def test_a_frozen_fit_learns_the_same_with_features_as_without(decoder, loss, monkeypatch):
    frozen = dict(freeze_encoder=True, augment=False, max_iter=3, batch_size=4, decoder=decoder, loss=loss)
    cached = small(**frozen).fit(PHOTOS)
    used = []

    class Spy(FeatureBatches):
        def __new__(cls, batches, network):
            used.append(len(batches))
            return batches  # go on without the features

    monkeypatch.setattr("skcolorize.training.run.FeatureBatches", Spy)
    plain = small(**frozen).fit(PHOTOS)
    assert used == [6]
    np.testing.assert_allclose(cached.loss_curve_, plain.loss_curve_, rtol=2e-3)
    for one, other in zip(cached.predict(PHOTOS), plain.predict(PHOTOS), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 2


def test_features_may_lie_in_a_file(monkeypatch):
    expected = small(freeze_encoder=True, augment="flip").fit(PHOTOS).loss_curve_
    monkeypatch.setattr("skcolorize.training.cache.memory_limit", lambda: 10_000)
    assert small(freeze_encoder=True, augment="flip").fit(PHOTOS).loss_curve_ == expected


# --------------------------------------------------------------- norms and modes


def test_pretrained_encoders_keep_their_statistics(tmp_path):
    from torchvision import models

    theirs = models.mobilenet_v3_small(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "m.pth")
    start = dict(encoder="mobilenet_v3_small", weights=tmp_path / "m.pth", freeze_encoder=True, max_iter=1)
    network = small(**start).fit(PHOTOS).module_
    assert network.config["encoder_norms"] == "folded"
    gray = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        deepest = network.encode(gray * 2 - 1)[-1]
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        rgb = (gray.expand(1, 3, 32, 32) - mean[:, None, None]) / std[:, None, None]
        expected = theirs.features[:-1](rgb)  # the last convolution is the classifier's
    torch.testing.assert_close(deepest, expected, rtol=1e-3, atol=1e-4)


def test_random_encoders_learn_their_statistics():
    network = small(encoder="mobilenet_v3_small", max_iter=1).fit(PHOTOS).module_
    assert network.config["encoder_norms"] == "batch"
    norms = [m for m in network.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and all((norm.running_mean != 0).any() for norm in norms)


def test_a_frozen_random_encoder_keeps_its_statistics_too():
    """Frozen is frozen: cached features of it would be others than those of training mode."""
    frozen = dict(encoder="mobilenet_v3_small", freeze_encoder=True, augment=False, max_iter=1)
    one, other = (small(**frozen).fit(photos).module_.encoder for photos in (PHOTOS, PHOTOS[:3]))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not [m for m in one.modules() if isinstance(m, torch.nn.BatchNorm2d)]  # folded


def test_predictions_do_not_hang_on_a_lagging_mean():
    """Norms are settled at the end: in eval mode the loss is that of the training, not a jump above it."""
    colorizer = small(max_iter=3, augment=False).fit(PHOTOS)
    batches = photo_batches()
    x, ab = batches.batch(np.arange(6), 0)
    with torch.no_grad():
        loss = float(LogLoss()(colorizer.module_(x), ab))
    assert loss < colorizer.loss_curve_[0]


# ----------------------------------------------------------- scores, calibration


class Oracle(torch.nn.Module):
    """Knows the colours of the photos it is shown, and dulls them."""

    def __init__(self, batches, share: float, bins=None):
        super().__init__()
        self.share, self.bins = share, bins
        self.known = [batches.centred().batch([i], 0) for i in range(len(batches))]

    def forward(self, x):
        ab = next(ab for known, ab in self.known if torch.equal(known, x)) * self.share
        ab = torch.nn.functional.avg_pool2d(ab, 4)
        if self.bins is None:
            return {"ab": ab / 128}
        distance = ((ab[:, None] - self.bins[None, :, :, None, None]) ** 2).sum(2)
        return {"logits": -distance / (2 * 8.0**2)}


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_vividness_one_is_as_colourful_as_the_photos(loss):
    """Whatever was learned, and with the same meaning for both losses."""
    batches = photo_batches()
    bins = torch.from_numpy(ab_bins()) if loss == "log_loss" else None
    prior = None if bins is None else torch.full((len(bins),), 1 / len(bins))
    wanted = np.mean([colorfulness(np.ascontiguousarray(photo[:, 8:40])) for photo in PHOTOS])
    for share in (0.5, 0.8):
        oracle = Oracle(batches, share, bins)
        decoding = calibrate(oracle, batches, Decoding(bins, prior))
        strengths = []
        for vividness in (0.0, 1.0, 1.5):
            pictures = [picture(*batches.batch([i], 0), oracle, decoding, vividness) for i in range(6)]
            strengths.append(np.mean([colorfulness(p) for p in pictures]))
        assert strengths == sorted(strengths)
        assert strengths[1] == pytest.approx(wanted, rel=0.05)
        assert decoding.calibration.base_gain == 1  # vividness 0 is what was learned
        assert strengths[0] == pytest.approx(share * wanted, rel=0.25)


def picture(x, ab, network, decoding, vividness):
    from skcolorize.training.evaluation import _picture

    return _picture(x, decoding.ab(network(x), vividness))


def test_the_score_is_the_psnr_at_vividness_zero():
    batches = photo_batches()
    good = validation_score(Oracle(batches, 0.9), batches, Decoding())
    dull = validation_score(Oracle(batches, 0.3), batches, Decoding())
    assert 10 < dull < good < 60
    vivid = Decoding(calibration=Calibration(gain=2.5))
    assert validation_score(Oracle(batches, 0.9), batches, vivid) == good


def test_shares_of_bins_add_up_and_lie_at_the_colours():
    flat = np.full((1, 32, 48, 3), (200, 60, 60), np.uint8)  # a = 53.6, b = 26.4
    batches = photo_batches(photos=flat)
    shares = bin_shares(batches, LogLoss(), 305).numpy()
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares @ ab_bins(), batches.batch([0], 0)[1][0, :, 0, 0], atol=0.5)
    assert (shares > 0).sum() == 4


def test_a_calibration_comes_from_held_out_photos_where_there_are_any(monkeypatch):
    looked_at = []

    def spy(network, batches, decoding):
        looked_at.append(len(batches))
        return decoding

    monkeypatch.setattr("skcolorize.training.run.calibrate", spy)
    small(max_iter=1).fit(PHOTOS)
    small(max_iter=1, early_stopping=True, validation_fraction=0.34).fit(PHOTOS)
    assert looked_at == [6, 2]


def test_a_fit_with_early_stopping_ends_with_its_best_epoch(monkeypatch):
    options = dict(early_stopping=True, learning_rate="constant", n_iter_no_change=9)
    for scores in ([30.0], [30.0, 10.0, 20.0]):
        left = iter(scores)
        monkeypatch.setattr("skcolorize.training.run.validation_score", lambda *_, left=left: next(left))
        colorizer = small(max_iter=len(scores), **options).fit(PHOTOS)
        assert colorizer.best_validation_score_ == 30 and colorizer.n_iter_ == len(scores)
        if len(scores) == 1:
            best = colorizer
    assert same_weights(colorizer, best)


def test_held_out_photos_are_not_learned_from(monkeypatch):
    parts = {}

    def spy(network, batches, decoding):
        parts["scored"] = set(batches.photos.tolist())
        return 20.0

    monkeypatch.setattr("skcolorize.training.run.validation_score", spy)
    seen = set()
    original = PhotoBatches.batch

    def batch(self, positions, epoch):
        seen.update(self.photos[positions].tolist())
        return original(self, positions, epoch)

    monkeypatch.setattr("skcolorize.training.run.calibrate", lambda network, batches, decoding: decoding)
    monkeypatch.setattr(PhotoBatches, "batch", batch)
    small(max_iter=2, early_stopping=True, validation_fraction=0.34).fit(PHOTOS)
    assert len(parts["scored"]) == 2 and seen == set(range(6)) - parts["scored"]
