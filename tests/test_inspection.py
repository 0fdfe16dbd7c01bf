"""Displays: what is drawn where, and which axes they take."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from photo_files import alpha_scene, gray_scene, scene
from PIL import Image

from skcolorize import Colorizer
from skcolorize.images import gray_levels
from skcolorize.inspection import ColorizationDisplay, TrainingCurveDisplay

plt = pytest.importorskip("matplotlib.pyplot", reason="the extra [plot] is not installed")


@pytest.fixture(autouse=True)
def closed():
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    colorizer = Colorizer("squeezenet1_1", weights=None, image_size=32, max_iter=2, random_state=0)
    return colorizer.fit([scene(), scene()[::-1]])


def drawn(axes):
    return np.asarray(axes.images[0].get_array())


def test_a_row_for_each_photo(model, tmp_path):
    Image.fromarray(scene()).save(tmp_path / "a.png")
    display = ColorizationDisplay.from_estimator(model, [tmp_path / "a.png", gray_scene()])
    assert display.axes_.shape == (2, 4)
    assert [axes.get_title() for axes in display.axes_[0]] == ["gray", "predicted", "true", "confidence"]
    assert_array_equal(drawn(display.axes_[0, 0]), gray_levels(scene()))
    assert_array_equal(drawn(display.axes_[0, 1]), model.predict(scene()))
    assert_array_equal(drawn(display.axes_[0, 2]), scene())
    assert_array_equal(drawn(display.axes_[1, 3]), model.predict_confidence(gray_scene()))
    assert not display.axes_[1, 2].images  # nobody knows the colours of a gray photo
    assert display.axes_[0, 0].get_ylabel() == "a.png"
    assert display.figure_ is display.axes_[0, 0].figure
    display.figure_.canvas.draw()


def test_true_colors_of_gray_photos(model):
    display = ColorizationDisplay.from_estimator(model, gray_levels(scene()), scene())
    assert display.axes_.shape == (1, 4)
    assert_array_equal(drawn(display.axes_[0, 2]), scene())


def test_large_photos_are_reduced(model):
    display = ColorizationDisplay.from_estimator(model, [scene()], max_size=28)
    assert display.predicted[0].shape == (20, 28, 3)


def test_an_estimator_without_confidence_and_truth():
    class Red:
        def predict(self, X):
            return np.dstack([X, 0 * X, 0 * X])

    display = ColorizationDisplay.from_estimator(Red(), gray_scene())
    assert display.axes_.shape == (1, 2)


def test_from_predictions(model):
    X = [gray_scene(), np.dstack([scene(), alpha_scene()])]
    predicted, confidence = model.predict(X), model.predict_confidence(X)
    display = ColorizationDisplay.from_predictions(X, predicted, confidence=confidence)
    assert [axes.get_title() for axes in display.axes_[0]] == ["gray", "predicted", "confidence"]
    assert_array_equal(drawn(display.axes_[1, 1]), predicted[1][..., :3])
    assert ColorizationDisplay.from_predictions(scene(), scene(), y=scene()).axes_.shape == (1, 3)
    with pytest.raises(ValueError, match="X has 2 photos, and there are 1 predictions"):
        ColorizationDisplay.from_predictions(X, predicted[:1])
    with pytest.raises(ValueError, match="photo 1 has float values"):
        ColorizationDisplay.from_predictions(X, [predicted[0], predicted[1].astype(float)])


def test_axes_of_the_callers():
    figure, axes = plt.subplots(1, 2)
    display = ColorizationDisplay([gray_scene()], [scene()]).plot(ax=axes)
    assert list(display.axes_[0]) == list(axes)
    display.plot(ax=axes[0])
    assert display.axes_.shape == (1, 2)
    assert display.figure_ is figure
    assert axes[1] not in display.axes_
    with pytest.raises(ValueError, match="ax has 2 axes"):
        ColorizationDisplay([gray_scene()] * 2, [scene()] * 2).plot(ax=axes)


def test_training_curve(model):
    display = TrainingCurveDisplay.from_estimator(model)
    assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
    assert_array_equal(display.line_.get_xdata(), [1, 2])
    assert display.validation_ax_ is None
    figure, ax = plt.subplots()
    display = TrainingCurveDisplay(np.array([3, 2, 1]), np.array([20, 21, 22])).plot(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert_array_equal(display.validation_line_.get_ydata(), [20, 21, 22])
    assert len(ax.get_legend().get_texts()) == 2


@pytest.mark.parametrize("scores", [None, [22, 20, 22, 22], [20, 21, 21.5, 21.7]])
@pytest.mark.parametrize("losses", [[3, 3, 3, 3], [4, 2, 1.5, 1.4], [1, 2, 3, 1]])
def test_the_legend_lies_on_no_line(losses, scores):
    display = TrainingCurveDisplay(losses, scores).plot()
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend().get_window_extent()
    assert display.ax_.get_window_extent().containsx(legend.x0)
    for line in filter(None, (display.line_, display.validation_line_)):
        path = line.get_transform().transform_path(line.get_path()).interpolated(100)
        assert path.vertices[:, 1].max() < legend.y0


def test_no_training_curve():
    with pytest.raises(ValueError, match="no training curve"):
        TrainingCurveDisplay.from_estimator(Colorizer.from_pretrained())


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'skcolorize\[plot\]'"):
        TrainingCurveDisplay([1]).plot()
