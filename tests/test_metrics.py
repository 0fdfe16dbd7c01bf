"""Measures against independent implementations and published tables; evaluate and scorers on made photos."""

import numpy as np
import pytest
from PIL import Image
from skimage import color as skcolor
from skimage import data
from skimage import metrics as reference
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from skcolorize import color, metrics
from skcolorize.images import gray_levels

# L1 a1 b1, L2 a2 b2, CIEDE2000: the pairs of Sharma, Wu and Dalal (2005), table 1
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


@pytest.fixture(scope="module")
def pair():
    """A photo of an uneven size and a disturbed copy, uint8."""
    true = data.astronaut()[:90, :70]
    noise = np.random.default_rng(0).integers(-30, 31, true.shape)
    return true, np.clip(true.astype(int) + noise, 0, 255).astype(np.uint8)


def patch(rgb, shape=(8, 8)):
    return np.full((*shape, 3), rgb, dtype=np.uint8)


class Tinter(BaseEstimator):
    """Gives every photo one ab, times 1 + vividness; notes what it was asked."""

    def __init__(self, vividness=1.0, a=20.0, b=30.0):
        self.vividness = vividness
        self.a = a
        self.b = b

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        out = np.empty(len(X), dtype=object)
        for i, photo in enumerate(X):
            lab = color.rgb_to_lab(np.stack([gray_levels(photo)] * 3, -1))
            lab[..., 1:] = np.array([self.a, self.b]) * (1 + self.vividness) / 2
            out[i] = lab
        return out

    def predict(self, X):
        out = self.transform(X)
        for i, lab in enumerate(out):
            out[i] = color.lab_to_rgb(color.clip_to_gamut(lab))
        return out


@pytest.fixture(scope="module")
def photos():
    return [photo()[::8, ::8] for photo in (data.astronaut, data.coffee, data.chelsea, data.rocket)]


# One photo


def test_peak_signal_noise_ratio_agrees_with_skimage(pair):
    expected = reference.peak_signal_noise_ratio(*pair)
    assert metrics.peak_signal_noise_ratio(*pair) == pytest.approx(expected, abs=1e-4)
    assert metrics.peak_signal_noise_ratio(pair[0][..., 0], pair[1][..., 0]) == pytest.approx(
        reference.peak_signal_noise_ratio(pair[0][..., 0], pair[1][..., 0]), abs=1e-4
    )
    assert metrics.peak_signal_noise_ratio(pair[0], pair[0]) == float("inf")


@pytest.mark.parametrize(
    "measure", [metrics.peak_signal_noise_ratio, metrics.structural_similarity, metrics.ciede2000]
)
def test_dtypes_may_differ(measure, pair):
    true, pred = pair
    expected = measure(true, pred)
    assert measure(true / 255, pred) == pytest.approx(expected, rel=1e-4)
    assert measure(true, pred.astype(np.uint16) * 257) == pytest.approx(expected, rel=1e-4)


def test_structural_similarity_is_that_of_the_paper(pair):
    """Once more from the formula, with SciPy's Gaussian."""
    from scipy.ndimage import gaussian_filter

    def blur(values):
        return gaussian_filter(values, (1.5, 1.5, 0), truncate=3.5)

    x, y = (p / 255 for p in pair)
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    similarity = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    expected = similarity[5:-5, 5:-5].mean()
    assert metrics.structural_similarity(*pair) == pytest.approx(expected, abs=1e-4)


def test_ciede2000_gives_the_published_pairs():
    for row in SHARMA.split("\n")[1:-1]:
        *values, expected = map(float, row.split())
        difference = metrics.ciede2000(values[:3], values[3:], space="lab")
        assert difference == pytest.approx(expected, abs=5e-5), row


def test_ciede2000_of_photos_goes_through_lab(pair):
    expected = skcolor.deltaE_ciede2000(*(skcolor.rgb2lab(p) for p in pair)).mean()
    assert metrics.ciede2000(*pair) == pytest.approx(expected, abs=0.01)


def test_colorfulness_is_signed_and_from_the_formula(pair):
    red, green, blue = np.moveaxis(pair[0].astype(float), -1, 0)
    rg, yb = red - green, 0.5 * (red + green) - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    assert metrics.colorfulness(pair[0]) == pytest.approx(expected, abs=1e-3)
    assert metrics.colorfulness(pair[0] / 255) == pytest.approx(expected, abs=1e-3)
    # absolute opponents would take red and green stripes for one even colour
    stripes = np.concatenate([patch((200, 100, 0)), patch((100, 200, 0))])
    assert metrics.colorfulness(stripes) > metrics.colorfulness(patch((200, 100, 0)))


@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        (patch((1, 2, 3)), patch((1, 2, 3), (8, 9)), r"shape \(8, 8, 3\), the predicted one \(8, 9, 3\)"),
        (patch((1, 2, 3)).astype(int), patch((1, 2, 3)), "astype"),
        (patch((1, 2, 3)) / 2.0, patch((1, 2, 3)), "outside 0..1"),
        (np.full((8, 8, 3), np.nan), patch((1, 2, 3)), "outside 0..1"),
    ],
)
def test_unequal_or_unclear_photos_are_refused(true, pred, message):
    with pytest.raises(ValueError, match=message):
        metrics.peak_signal_noise_ratio(true, pred)


def test_other_faults_are_named():
    with pytest.raises(ValueError, match="11 pixels"):
        metrics.structural_similarity(patch(9), patch(9))
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        metrics.colorfulness(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="space"):
        metrics.ciede2000(patch(9), patch(9), space="luv")


# Sets


def test_hue_histogram_agrees_with_numpy_and_counts_photos_alike(photos):
    expected = np.zeros(12)
    for photo in photos:
        lab = skcolor.rgb2lab(photo)
        degrees = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
        chroma = np.hypot(lab[..., 1], lab[..., 2])
        expected += np.histogram(degrees, 12, (0, 360), weights=chroma)[0] / chroma.size
    np.testing.assert_allclose(metrics.hue_histogram(photos), expected / expected.sum(), atol=2e-3)
    doubled = [photos[0].repeat(2, axis=0), *photos[1:]]
    np.testing.assert_allclose(metrics.hue_histogram(doubled), metrics.hue_histogram(photos))


def test_measures_of_hue():
    orange, blue, gray = patch((230, 140, 40)), patch((40, 90, 230)), patch((90, 90, 90))
    assert metrics.hue_total_variation([orange, blue], [blue, orange]) == 0
    assert metrics.hue_total_variation([orange], [blue]) == pytest.approx(1)
    assert metrics.hue_total_variation([orange], [gray]) == pytest.approx(1)
    assert metrics.hue_total_variation([gray], [gray]) == 0
    assert metrics.orange_ratio([orange, blue], [orange, orange]) == pytest.approx(
        1 / metrics.hue_histogram([orange, blue])[1:3].sum()
    )
    assert metrics.orange_ratio([orange], [patch((200, 200, 60))]) == 0  # hue 106
    assert metrics.orange_ratio([orange], [patch((220, 60, 80))]) == 0  # hue 23
    assert np.isnan(metrics.orange_ratio([blue], [orange]))
    assert metrics.effective_hues(orange) == pytest.approx(1)
    assert metrics.effective_hues(gray) == 0
    both = np.concatenate([orange, blue])
    p = metrics.hue_histogram([both])
    assert metrics.effective_hues(both) == pytest.approx(np.exp(-sum(v * np.log(v) for v in p if v)))


def test_colorfulness_difference_compares_means():
    dull, vivid = patch((120, 100, 90)), patch((230, 100, 20))
    assert metrics.colorfulness_difference([dull, vivid], [vivid, dull]) == 0
    assert metrics.colorfulness_difference([dull], [vivid]) == pytest.approx(
        metrics.colorfulness(vivid) - metrics.colorfulness(dull)
    )


# Protocol, evaluate, scorers


def test_squash256_is_pillows_bicubic(tmp_path, pair):
    expected = np.asarray(Image.fromarray(pair[0]).resize((256, 256), Image.Resampling.BICUBIC))
    path = tmp_path / "photo.png"
    Image.fromarray(pair[0]).save(path)
    for form in (pair[0], path, Image.fromarray(pair[0]), pair[0] / 255, pair[0].astype(np.uint16) * 257):
        np.testing.assert_array_equal(metrics.squash256(form), expected)
    assert (metrics.squash256(np.full((4, 5), 100.7 / 255)) == 101).all()
    squashed_gray = metrics.squash256(pair[0][..., 0])
    assert squashed_gray.shape == (256, 256, 3)
    assert (squashed_gray[..., 0] == squashed_gray[..., 2]).all()


@pytest.fixture(scope="module")
def result(photos):
    return metrics.evaluate(Tinter(), photos, protocol="own_size")


def test_evaluate_measures_each_row(result, photos):
    gray, predicted, accurate, mean = result.summary
    assert (gray, predicted, accurate) == ("gray", "as predicted", "vividness 0")
    assert mean == f"mean times {result.constant:.2f}"
    assert {len(column) for column in result.table.values()} == {4 * len(photos)}
    colored = Tinter(vividness=0).predict(photos)
    row = {name: column[result.table["row"] == "vividness 0"] for name, column in result.table.items()}
    expected = [metrics.peak_signal_noise_ratio(p, c) for p, c in zip(photos, colored, strict=True)]
    np.testing.assert_allclose(row["psnr"], expected, atol=0.05)
    assert result.summary["vividness 0"]["psnr"][0] == pytest.approx(row["psnr"].mean())
    assert result.summary["vividness 0"]["gain"][0] == pytest.approx(
        row["psnr"].mean() - result.summary["gray"]["psnr"][0]
    )
    assert result.summary["vividness 0"]["colorfulness_difference"][0] == pytest.approx(
        metrics.colorfulness_difference(photos, colored), abs=0.3
    )
    assert result.summary["vividness 0"]["orange_ratio"][0] == pytest.approx(
        metrics.orange_ratio(photos, colored), abs=0.02
    )


def test_the_mean_row_has_the_colorfulness_of_the_prediction(result):
    """Vividness 1 of this estimator is vividness 0 times two."""
    assert result.constant == pytest.approx(2, abs=0.1)
    rows = list(result.summary.values())
    assert rows[3]["colorfulness"][0] == pytest.approx(rows[1]["colorfulness"][0], rel=0.02)


def test_intervals_hold_the_value_and_gains_are_paired(result):
    for row in result.summary.values():
        for measure, (value, low, high) in row.items():
            if measure != "colorfulness_difference":  # an absolute value: the draws lie to one side
                assert low <= value <= high, measure
    assert result.summary["gray"]["gain"] == (0, 0, 0)
    assert result.summary["gray"]["psnr"][2] > result.summary["gray"]["psnr"][1]


def test_the_summary_prints(result):
    lines = str(result).splitlines()
    assert len(lines) == 6
    assert "own_size" in lines[0]
    assert lines[2].startswith("gray ") and "+-" in lines[2]


def test_evaluate_leaves_the_estimator_as_it_was(photos):
    estimator = Tinter(vividness=0.7)

    class Broken(Tinter):
        def transform(self, X):
            raise RuntimeError("out of paint")

    metrics.evaluate(estimator, photos[:1], protocol="own_size", baselines=())
    assert estimator.vividness == 0.7
    broken = Broken(vividness=0.7)
    broken.predict = estimator.predict
    with pytest.raises(RuntimeError, match="out of paint"):
        metrics.evaluate(broken, photos[:1], protocol="own_size")
    assert broken.vividness == 0.7


def test_evaluate_takes_whatever_predicts(photos):
    class Painter:
        def predict(self, X):
            return [np.stack([x, x // 2, x // 3], -1) for x in X]

    result = metrics.evaluate(Painter(), photos[:2], protocol="own_size")
    assert list(result.summary) == ["gray", "as predicted"]
    assert result.constant is None


def test_evaluate_looks_for_vividness_inside(photos):
    """A search passes parameters on to what it has not fitted: its best estimator is asked."""
    search = GridSearchCV(Tinter(), {"a": [20.0]}, cv=2, scoring=metrics.psnr_scorer).fit(photos)
    found, expected = (
        metrics.evaluate(estimator, photos, protocol="own_size").summary
        for estimator in (search, search.best_estimator_)
    )
    assert found == expected
    assert found["vividness 0"]["colorfulness"] < found["as predicted"]["colorfulness"]


def test_evaluate_refuses(photos):
    with pytest.raises(ValueError, match=r"photo 1 is gray"):
        metrics.evaluate(Tinter(), [photos[0], photos[0][..., 0]])
    with pytest.raises(ValueError, match="photo 1 has float values"):
        metrics.evaluate(Tinter(), [photos[0], photos[1].astype(float)])
    with pytest.raises(ValueError, match="photo 1 has a side of 9 pixels"):
        metrics.evaluate(Tinter(), [photos[0], photos[1][:9]], protocol="own_size")
    with pytest.raises(ValueError, match="protocol"):
        metrics.evaluate(Tinter(), photos, protocol="squash128")
    for baselines in ("gray", ("median",)):
        with pytest.raises(ValueError, match="baselines"):
            metrics.evaluate(Tinter(), photos, baselines=baselines)


@pytest.mark.parametrize(
    ("scorer", "measure", "sign"),
    [
        (metrics.psnr_scorer, metrics.peak_signal_noise_ratio, 1),
        (metrics.ssim_scorer, metrics.structural_similarity, 1),
        (metrics.neg_ciede2000_scorer, metrics.ciede2000, -1),
    ],
)
def test_scorers_average_over_photos(scorer, measure, sign, photos):
    estimator = Tinter()
    expected = np.mean([measure(p, c) for p, c in zip(photos, estimator.predict(photos), strict=True)])
    assert scorer(estimator, photos) == pytest.approx(sign * expected)
    assert scorer(estimator, photos, y=photos) == pytest.approx(sign * expected)


def test_the_difference_scorer_compares_means(photos):
    estimator = Tinter()
    expected = metrics.colorfulness_difference(photos, estimator.predict(photos))
    assert metrics.neg_colorfulness_difference_scorer(estimator, photos) == pytest.approx(-expected)


def test_scorers_go_through_a_search_and_say_what_is_wrong(photos):
    warm = [np.clip(p * np.array([1.0, 0.8, 0.5]), 0, 255).astype(np.uint8) for p in photos]
    search = GridSearchCV(
        Tinter(), {"b": [-40.0, 30.0]}, scoring=metrics.psnr_scorer, cv=2, error_score="raise"
    ).fit(warm)
    assert search.best_params_ == {"b": 30.0}
    with pytest.raises(ValueError, match="X has 4 photos and y 1"):
        metrics.psnr_scorer(Tinter(), photos, photos[:1])
    with pytest.raises(ValueError, match="photo 17 has float values"):  # beyond the photos of one call
        metrics.psnr_scorer(Tinter(), [*photos[:1]] * 17 + [photos[1].astype(float)])
    with pytest.raises(ValueError, match="photo 0 has shape"):
        metrics.psnr_scorer(Tinter(), photos[:1], photos[1:2])
