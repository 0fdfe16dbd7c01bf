"""What a fit that starts from trained colours keeps of them."""

import numpy as np
import pytest
from small import made_up_photos, small

from skcolorize.training import run

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos()


def weights_of(colorizer):
    return np.concatenate([p.detach().numpy().ravel() for p in colorizer.module_.parameters()])


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "start.npz"
    start = small(random_state=1).fit(PHOTOS)
    start.save_weights(path)
    return path, weights_of(start)


def test_weights_end_between_the_start_and_what_was_learned(stored, monkeypatch):
    path, start = stored
    kept = weights_of(small(weights=path, random_state=0).fit(PHOTOS)) - start
    monkeypatch.setattr(run, "ANCHOR_PHOTOS", 0)
    learned = weights_of(small(weights=path, random_state=0).fit(PHOTOS)) - start
    share = len(PHOTOS) / (len(PHOTOS) + 60)
    assert np.abs(learned).max() > 1e-4
    np.testing.assert_allclose(kept, share * learned, atol=1e-6)


def test_a_warm_start_and_partial_fit_go_the_whole_way(stored, monkeypatch):
    path, _ = stored
    once = small(weights=path, random_state=0).partial_fit(PHOTOS)
    monkeypatch.setattr(run, "ANCHOR_PHOTOS", 1e9)  # would leave the start as it is
    again = small(weights=path, random_state=0).partial_fit(PHOTOS)
    np.testing.assert_array_equal(weights_of(once), weights_of(again))
    before = weights_of(again)
    again.set_params(warm_start=True).fit(PHOTOS)
    assert np.abs(weights_of(again) - before).max() > 1e-5


def test_only_such_a_fit_does_without_some_channels(stored, monkeypatch):
    path, _ = stored

    def fitted(method):
        return weights_of(getattr(small(weights=path, random_state=0), method)(PHOTOS))

    fit, partial_fit = fitted("fit"), fitted("partial_fit")
    monkeypatch.setattr(run, "MAP_DROPOUT", 0.0)
    assert np.abs(fitted("fit") - fit).max() > 1e-5
    np.testing.assert_array_equal(fitted("partial_fit"), partial_fit)
