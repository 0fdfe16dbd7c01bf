"""The same again gives the same, and nothing outside an estimator is changed or relied on."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from small import made_up_photos, same_weights, small

from skcolorize.networks import build_network, network_config

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos(4)


@pytest.fixture(scope="module")
def fitted():
    return small().fit(PHOTOS)


VARIANTS = {
    "defaults": {},
    "bfloat16": {"precision": "bfloat16"},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.25},
    "frozen": {"freeze_encoder": True, "augment": "flip"},
    "squared error": {"loss": "squared_error", "learning_rate": "constant"},
    "batches": {"batch_size": 3},
    "threads": {"n_jobs": 2},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_random_state_gives_the_same_weights_bit_for_bit(variant):
    colorizer = small(**VARIANTS[variant])
    first, second = colorizer.fit(PHOTOS), clone(colorizer)
    torch.manual_seed(5)
    np.random.seed(5)
    assert same_weights(first, second.fit(PHOTOS))
    assert first.loss_curve_ == second.loss_curve_
    assert not same_weights(first, clone(colorizer).set_params(random_state=1).fit(PHOTOS))
    np.testing.assert_array_equal(first.predict(PHOTOS), second.predict(PHOTOS))


def test_a_random_state_instance_is_drawn_from():
    one, other = (small(max_iter=1, random_state=np.random.RandomState(3)).fit(PHOTOS) for _ in range(2))
    assert same_weights(one, other)
    assert not same_weights(one, clone(one).set_params(random_state=one.random_state).fit(PHOTOS))


def test_without_random_state_fits_differ():
    one, other = (small(max_iter=1, random_state=None).fit(PHOTOS) for _ in range(2))
    assert not same_weights(one, other)


def global_state() -> dict:
    """All that a library must leave as it was, in a form that compares."""
    return {
        "torch generator": torch.get_rng_state().tolist(),
        "numpy generator": repr(np.random.get_state()),
        "python generator": random.getstate(),
        "threads": torch.get_num_threads(),
        "threads between operations": torch.get_num_interop_threads(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "default type": torch.get_default_dtype(),
        "default device": str(torch.get_default_device()),
        "numpy errors": np.geterr(),
    }


@pytest.mark.parametrize("encoder", ["squeezenet1_1", "mobilenet_v3_small", "convnext_tiny"])
def test_building_changes_nothing_global(encoder):
    before = global_state()
    build_network(network_config(encoder), 0)
    assert global_state() == before


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_fit_and_predict_change_nothing_global(mode):
    colorizer = small(max_iter=1, precision="bfloat16", early_stopping=True, n_jobs=2)
    with mode():
        before = global_state()
        colorizer.fit(PHOTOS)
        assert global_state() == before
        for method in (colorizer.predict, colorizer.transform, colorizer.score):
            method(PHOTOS)
        colorizer.sample_y(PHOTOS, random_state=0)
        assert global_state() == before


def test_a_fit_that_fails_changes_nothing_global():
    before = global_state()
    with pytest.raises(ValueError, match="the loss became"):
        small(learning_rate_init=1e30, learning_rate="constant", max_iter=9).fit(PHOTOS)
    assert global_state() == before


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_callers_grad_mode_does_not_matter(mode, fitted):
    expected = fitted.predict(PHOTOS)
    with mode():
        inside = small().fit(PHOTOS)
        np.testing.assert_array_equal(fitted.predict(PHOTOS), expected)
        inside.partial_fit(PHOTOS)
    assert same_weights(small().fit(PHOTOS).partial_fit(PHOTOS), inside)
    inside.partial_fit(PHOTOS).set_params(warm_start=True).fit(PHOTOS)


def test_a_fit_after_predictions_in_inference_mode(fitted):
    """What inference mode makes can't be trained; nothing of it may find its way into a fit."""
    import pickle

    with torch.inference_mode():
        loaded = pickle.loads(pickle.dumps(fitted))
        loaded.predict(PHOTOS)
    assert np.isfinite(loaded.set_params(warm_start=True).fit(PHOTOS).loss_curve_).all()


def test_eight_threads_on_one_estimator():
    colorizer = small().fit(PHOTOS)
    expected = (
        small().fit(PHOTOS).predict(PHOTOS).astype(int)
    )  # not yet asked, so that threads meet while it is
    with ThreadPoolExecutor(8) as pool:
        for picture in pool.map(colorizer.predict, [PHOTOS] * 24):
            assert np.abs(picture - expected).max() <= 1


def test_predicting_changes_no_attribute(fitted):
    before = dict(vars(fitted))
    for method in ("predict", "transform", "predict_confidence", "sample_y", "score"):
        getattr(fitted, method)(PHOTOS)
    assert vars(fitted).keys() == before.keys()
    assert all(vars(fitted)[name] is before[name] for name in before)
