"""What fit, partial_fit and score do, set and refuse."""

import copy
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.exceptions import NotFittedError
from small import made_up_photos, same_weights, small

from skcolorize import Colorizer
from skcolorize.metrics import colorfulness
from skcolorize.preprocessing import ToGrayscale

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos()
GRAY = ToGrayscale().transform(PHOTOS)


@pytest.fixture(scope="module")
def fitted():
    return small().fit(PHOTOS)


# ------------------------------------------------------------------ attributes


def test_attributes(fitted):
    assert fitted.n_iter_ == 2
    assert len(fitted.loss_curve_) == 2
    assert fitted.best_loss_ == min(fitted.loss_curve_)
    assert fitted.validation_scores_ is None
    assert fitted.best_validation_score_ is None
    assert fitted.skipped_images_ == []
    assert not fitted.module_.training
    assert fitted.ab_bins_.shape == (305, 2)


def test_attributes_are_set_by_fit_alone():
    unfitted = small()
    assert not [name for name in vars(unfitted) if name.endswith("_")]
    assert "module_" in vars(unfitted.fit(PHOTOS[:2]))


def test_a_refit_forgets_the_last_fit():
    colorizer = small(max_iter=1).fit(PHOTOS).set_params(loss="squared_error", max_iter=2).fit(PHOTOS)
    assert colorizer.n_iter_ == len(colorizer.loss_curve_) == 2
    assert not hasattr(colorizer, "ab_bins_")


def test_fit_learns():
    colorizer = small(max_iter=12, augment=False, batch_size=4, learning_rate_init=5e-3).fit(PHOTOS)
    assert colorizer.loss_curve_[-1] < 0.9 * colorizer.loss_curve_[0]


@pytest.mark.parametrize(
    "call",
    ["predict", "predict_iter", "transform", "predict_confidence", "sample_y", "score", "save_weights"],
)
def test_not_fitted_names_both_ways_out(call):
    with pytest.raises(NotFittedError, match=r"call fit before .*Colorizer\.from_pretrained\(\)"):
        getattr(small(), call)(PHOTOS)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_methods_of_the_distribution_go_by_the_fitted_head(loss):
    other = {"log_loss": "squared_error", "squared_error": "log_loss"}[loss]
    colorizer = small(loss=loss, max_iter=1)
    for estimator in (colorizer, colorizer.fit(PHOTOS[:2]), colorizer.set_params(loss=other)):
        for method in ("predict_confidence", "sample_y"):
            assert hasattr(estimator, method) == (loss == "log_loss")


def test_confidence_and_alternatives(fitted):
    confidence = fitted.predict_confidence(PHOTOS)
    assert confidence.shape == PHOTOS.shape[:3] and confidence.dtype == np.float32
    assert confidence.min() >= 0 and confidence.max() <= 1
    samples = fitted.sample_y(list(PHOTOS), n_samples=2, random_state=0)
    assert (
        samples.dtype == object
        and samples[0].shape == (2, *PHOTOS.shape[1:])
        and samples[0].dtype == np.uint8
    )
    assert (samples[0][0] != samples[0][1]).any()
    np.testing.assert_array_equal(fitted.sample_y(PHOTOS[0], 2, random_state=0), samples[0])
    assert (fitted.sample_y(PHOTOS[0], 2, random_state=1) != samples[0]).any()
    with pytest.raises(
        ValueError, match=r"'n_samples' parameter of sample_y must be an int in the range \[1, inf\)"
    ):
        fitted.sample_y(PHOTOS[0], n_samples=0)


# -------------------------------------------------------------- what acts when


def test_vividness_acts_at_once_and_means_more_colour(fitted):
    strengths = []
    for vividness in (0, 1, 2):
        fitted.set_params(vividness=vividness)
        strengths.append(np.mean([colorfulness(photo) for photo in fitted.predict(PHOTOS)]))
    fitted.set_params(vividness=1.0)
    assert strengths == sorted(strengths) and strengths[2] > strengths[0]


def test_image_size_acts_at_once(fitted):
    before = fitted.predict(PHOTOS[0])
    assert (fitted.set_params(image_size=64).predict(PHOTOS[0]) != before).any()
    np.testing.assert_array_equal(fitted.set_params(image_size=32).predict(PHOTOS[0]), before)


def test_other_parameters_act_at_the_next_fit(fitted):
    before = fitted.predict(PHOTOS[0])
    changed = dict(encoder="vgg11", loss="squared_error", learning_rate_init=1.0, max_iter=7)
    np.testing.assert_array_equal(fitted.set_params(**changed).predict(PHOTOS[0]), before)
    fitted.set_params(encoder="squeezenet1_1", loss="log_loss", learning_rate_init=1e-3, max_iter=2)


@pytest.mark.parametrize("image_size", [np.int64(32), (32, 64), (np.int64(64), 32)], ids=str)
def test_image_size_of_every_kind(image_size, tmp_path):
    colorizer = small(image_size=image_size, max_iter=1).fit(PHOTOS)
    assert colorizer.predict(PHOTOS[0]).shape == PHOTOS[0].shape
    colorizer.save_weights(tmp_path / "a.npz")
    assert Colorizer.from_pretrained(tmp_path / "a.npz").image_size == image_size


# ---------------------------------------------------------- stopping, warm start


def test_early_stopping_scores_stops_and_keeps_the_best():
    colorizer = small(
        early_stopping=True, validation_fraction=0.34, max_iter=30, n_iter_no_change=2, tol=0.5, augment=False
    ).fit(PHOTOS)
    scores = colorizer.validation_scores_
    assert len(scores) == colorizer.n_iter_ < 30
    assert colorizer.best_validation_score_ == max(scores)
    assert colorizer.best_loss_ is None
    assert min(scores) > 5 and max(scores) < 60  # PSNR in dB


def test_early_stopping_needs_a_photo_to_learn_from():
    with pytest.raises(ValueError, match="holds out 1 of 1 usable photos"):
        small(early_stopping=True).fit(PHOTOS[:1])


def test_a_constant_rate_stops_on_the_loss_and_a_cosine_does_not():
    stops = dict(tol=1e9, n_iter_no_change=1, max_iter=4, augment=False)
    assert small(learning_rate="constant", **stops).fit(PHOTOS[:2]).n_iter_ == 3
    assert small(learning_rate="cosine", **stops).fit(PHOTOS[:2]).n_iter_ == 4


def test_warm_start_goes_on():
    colorizer = small(warm_start=True, augment=False).fit(PHOTOS)
    first = list(colorizer.loss_curve_)
    colorizer.fit(PHOTOS)
    assert colorizer.n_iter_ == len(colorizer.loss_curve_) == 4
    assert colorizer.loss_curve_[:2] == first
    assert colorizer.best_loss_ == min(colorizer.loss_curve_)


def test_warm_start_begins_with_the_weights_it_had():
    still = dict(
        learning_rate="constant", learning_rate_init=1e-12, weight_decay=0, tol=0, augment=False, max_iter=1
    )
    colorizer = small(max_iter=8, augment=False).fit(PHOTOS)
    bias = colorizer.module_.head.conv.bias.detach().clone()
    colorizer.set_params(warm_start=True, **still).fit(PHOTOS)
    np.testing.assert_allclose(colorizer.module_.head.conv.bias.detach(), bias, atol=1e-6)


def test_warm_start_leaves_a_failed_fit_as_it_was(fitted):
    before = fitted.predict(PHOTOS[0])
    with pytest.raises(ValueError, match="none of the 2 photos"):
        fitted.set_params(warm_start=True).fit(GRAY[:2])
    np.testing.assert_array_equal(fitted.set_params(warm_start=False).predict(PHOTOS[0]), before)


def test_warm_start_refuses_another_network(fitted):
    with pytest.raises(ValueError, match="encoder, decoder or loss changed since the last fit"):
        fitted.set_params(warm_start=True, loss="squared_error").fit(PHOTOS)
    fitted.set_params(warm_start=False, loss="log_loss")


def test_partial_fit_is_one_more_epoch_each():
    colorizer = small(augment=False, batch_size=3)
    for n_calls in range(1, 5):
        colorizer.partial_fit(PHOTOS)
        assert colorizer.n_iter_ == len(colorizer.loss_curve_) == n_calls
    assert colorizer.loss_curve_[-1] < colorizer.loss_curve_[0]


def test_two_calls_of_partial_fit_are_two_epochs_at_a_constant_rate():
    whole = small(learning_rate="constant", tol=0, batch_size=4).fit(PHOTOS)
    parts = small(batch_size=4).partial_fit(PHOTOS).partial_fit(PHOTOS)
    assert parts.loss_curve_ == whole.loss_curve_
    assert same_weights(parts, whole)


def test_partial_fit_takes_new_parameters():
    start = small().partial_fit(PHOTOS)
    decayed, plain = copy.deepcopy(start), start
    plain.set_params(weight_decay=0.0).partial_fit(PHOTOS)
    decayed.set_params(weight_decay=100.0).partial_fit(PHOTOS)
    assert decayed.module_.head.conv.weight.norm() < 0.99 * plain.module_.head.conv.weight.norm()
    assert plain.set_params(freeze_encoder=True).partial_fit(PHOTOS).n_iter_ == 3


def test_partial_fit_of_a_copy_leaves_the_first_as_it_was():
    start = small(batch_size=3).partial_fit(PHOTOS)
    alone = small(batch_size=3).partial_fit(PHOTOS)
    copy.copy(start).partial_fit(PHOTOS)  # shares its moments, as an interrupted call does
    assert same_weights(start.partial_fit(PHOTOS), alone.partial_fit(PHOTOS))


def test_partial_fit_needs_photos_alone_and_no_early_stopping():
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        small(early_stopping=True).partial_fit(PHOTOS)
    with pytest.raises(ValueError, match="put it in a list"):
        small().partial_fit(PHOTOS[0])


def test_partial_fit_after_a_fit_of_another_network():
    colorizer = small(max_iter=1).partial_fit(PHOTOS[:2]).set_params(decoder="plain").fit(PHOTOS[:2])
    assert colorizer.partial_fit(PHOTOS[:2]).n_iter_ == 2


# --------------------------------------------------------------- targets in y


def test_y_is_the_colour_target():
    small_gray = [np.asarray(Image.fromarray(gray).resize((28, 20))) for gray in GRAY]
    assert small(max_iter=1).fit(small_gray, y=list(PHOTOS)).skipped_images_ == []
    with pytest.raises(ValueError, match=r"X has 6 photos and y has 5: give one target for each photo"):
        small().fit(GRAY, y=PHOTOS[:5])


def test_y_changes_what_is_learned():
    swapped = PHOTOS[..., ::-1]
    assert not same_weights(small().fit(GRAY, y=PHOTOS), small().fit(GRAY, y=swapped))


def test_y_of_another_aspect_is_refused():
    with pytest.raises(
        ValueError, match=r"photo 0 is 40 x 56 pixels .* its target in y is 40 x 50.*more than 2 %"
    ):
        small().fit(GRAY[:1], y=PHOTOS[:1, :, :50])


def test_gray_photos_without_y_say_what_to_do():
    with pytest.raises(ValueError, match=r"none of the 6 photos can be learned from.*fit\(X, y=X_color\)"):
        small().fit(GRAY)


# -------------------------------------------------------------- skipped photos


def test_broken_gray_and_missing_files_are_skipped_with_one_warning(tmp_path):
    for name, photo in (("good.png", PHOTOS[0]), ("gray.png", GRAY[1]), ("cut.png", PHOTOS[2])):
        Image.fromarray(photo).save(tmp_path / name)
    cut = tmp_path / "cut.png"
    cut.write_bytes(cut.read_bytes()[:900])
    paths = [str(tmp_path / name) for name in ("good.png", "gray.png", "cut.png", "missing.png")]
    with pytest.warns(UserWarning) as caught:
        colorizer = small(max_iter=1).fit(paths)
    message = str(caught[0].message)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert message.startswith("fit skipped 3 of 4 photos: photo 1 (")
    assert all(
        word in message for word in ("gray.png') is gray", "cut.png') is broken", "missing.png') is missing")
    )
    assert [skipped.position for skipped in colorizer.skipped_images_] == [1, 2, 3]
    assert "gray" in colorizer.skipped_images_[0].reason and paths[1] in colorizer.skipped_images_[0].name
    assert same_weights(colorizer, small(max_iter=1).fit(paths[:1]))


def test_the_warning_names_ten_at_most():
    with pytest.warns(UserWarning, match="fit skipped 12 of 13 photos") as caught:
        small(max_iter=1).fit([PHOTOS[0], *[GRAY[1]] * 12])
    assert len(re.findall(r"photo \d+ is gray", str(caught[0].message))) == 10
    assert str(caught[0].message).endswith("; ...")


def test_one_hue_is_warned_of():
    gray = GRAY[..., None] / 255
    sepia = np.rint(255 * gray ** [0.8, 1.0, 1.3]).astype(np.uint8)
    with pytest.warns(UserWarning, match="one hue, as if they were sepia scans") as caught:
        small(max_iter=1).partial_fit(sepia)
    assert caught[0].filename == __file__


def test_a_folder_or_pattern_in_place_of_its_photos(tmp_path, fitted):
    Image.fromarray(PHOTOS[0]).save(tmp_path / "a.png")
    for wrong in (str(tmp_path), str(tmp_path / "*.png")):
        with pytest.raises(ValueError, match=r"image_paths\("):
            small().fit(wrong)
        with pytest.raises(ValueError, match=r"image_paths\("):
            small().fit([wrong])
        with pytest.raises(ValueError, match=r"image_paths\("):
            fitted.predict(wrong)


def test_predict_names_the_broken_file(tmp_path, fitted):
    (tmp_path / "b.jpg").write_bytes(b"no photo")
    with pytest.raises(ValueError, match=r"photo 1 \('.*b\.jpg'\)"):
        fitted.predict([PHOTOS[0], tmp_path / "b.jpg"])


def test_levels_and_lab_in_floats_are_refused(fitted):
    for call in (small().fit, fitted.predict, fitted.score):
        with pytest.raises(
            ValueError, match=r"photo 0 has float values .*astype\('uint8'\).*leave RGBToLab out"
        ):
            call([PHOTOS[0].astype(float)])
        with pytest.raises(ValueError, match=r"array of int64.*astype\('uint8'\)"):
            call(PHOTOS.astype(np.int64))


# ------------------------------------------------------------------------ score


def test_score_is_a_mean_weighted_where_asked(fitted):
    each = [fitted.score([photo]) for photo in PHOTOS[:3]]
    assert fitted.score(PHOTOS[:3]) == pytest.approx(np.mean(each))
    assert fitted.score(PHOTOS[:3], sample_weight=[0, 1, 3]) == pytest.approx((each[1] + 3 * each[2]) / 4)
    assert fitted.score(GRAY[:3], PHOTOS[:3]) == pytest.approx(np.mean(each), abs=0.02)
    assert fitted.set_params(n_jobs=2).score(PHOTOS[:3]) == fitted.set_params(n_jobs=None).score(PHOTOS[:3])
    with pytest.raises(ValueError, match="sample_weight"):
        fitted.score(PHOTOS[:3], sample_weight=[1, 2])
    with pytest.raises(ValueError, match="sample_weight sums to 0 over the 3 photos"):
        fitted.score(PHOTOS[:3], sample_weight=[0, 0, 0])
    with pytest.raises(ValueError, match="vividness"):
        copy.deepcopy(fitted).set_params(vividness=-1).score(PHOTOS[:3])


def test_weights_that_are_changed_in_place_count(fitted):
    changed = copy.deepcopy(fitted)
    before = changed.predict(PHOTOS[0])
    with torch.no_grad():
        for parameter in changed.module_.head.parameters():
            parameter.mul_(0.3)
    after = changed.predict(PHOTOS[0])
    assert (after != before).any()
    assert_array_equal(after, copy.deepcopy(changed).predict(PHOTOS[0]))


def test_score_skips_what_has_no_colours(fitted):
    with pytest.warns(
        UserWarning, match=r"score skipped 2 of 3 photos: photo 0 is gray.*photo 2 \('no.jpg'\)"
    ) as caught:
        score = fitted.score([GRAY[0], PHOTOS[1], "no.jpg"], sample_weight=[1, 2, 3])
    assert score == pytest.approx(fitted.score(PHOTOS[1:2])) and caught[0].filename == __file__
    with (
        pytest.warns(UserWarning, match="score skipped 1 of 1"),
        pytest.raises(ValueError, match="no photo could be"),
    ):
        fitted.score(GRAY[:1])
    with pytest.raises(ValueError, match="put it in a list"):
        fitted.score(PHOTOS[0])


# -------------------------------------------------------------------- verbosity


def test_verbose_prints_one_line_an_epoch(capsys):
    small(verbose=True, early_stopping=True, max_iter=3).fit(PHOTOS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"epoch 2/3: loss \d+\.\d{4}, validation PSNR \d+\.\d\d dB, \d+ s left", lines[1])


def test_a_loss_that_explodes_says_what_to_turn():
    with pytest.raises(ValueError, match=r"the loss became .* lower learning_rate_init"):
        small(learning_rate_init=1e30, learning_rate="constant", max_iter=9).fit(PHOTOS)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_want_of_a_gpus_memory_names_parameters_wherever_it_comes(method, monkeypatch):
    def greedy(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")  # which can't be had here for real

    monkeypatch.setattr("skcolorize.training.run.bin_shares", greedy)
    with pytest.raises(MemoryError, match="too little memory for this fit: lower image_size or batch_size"):
        getattr(small(), method)(PHOTOS)
