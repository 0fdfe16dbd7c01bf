"""scikit-learn's callbacks: bars, stopping and scores, one task an epoch."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from small import Stopper, made_up_photos, same_weights, small

from skcolorize.preprocessing import ImageLoader, ToGrayscale

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = list(made_up_photos(4))


class Recorder:
    """Keeps what its hooks were told; asks to stop after some epochs."""

    def __init__(self, stop_after=None):
        self.stop_after, self.begun, self.ended, self.torn_down = stop_after, [], [], 0

    def setup(self, estimator, context):
        self.epochs = 0

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.begun.append(context.task_name)
        assert X is not None and y is not None

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append(context.task_name)
        if fitted_estimator is None:
            return False
        self.epochs += 1
        self.picture = fitted_estimator.predict(PHOTOS[0])
        assert fitted_estimator.n_iter_ == self.epochs == len(fitted_estimator.loss_curve_)
        assert not fitted_estimator.module_.training
        return self.epochs == self.stop_after


def test_one_task_an_epoch():
    recorder = Recorder()
    colorizer = small(max_iter=3).set_callbacks(recorder).fit(PHOTOS)
    assert recorder.begun == ["fit", "epoch", "epoch", "epoch"]
    assert recorder.ended == ["epoch", "epoch", "epoch", "fit"]
    assert recorder.torn_down == 1
    assert not [name for name in vars(colorizer) if "callback_fit_ctx" in name or "teardown" in name]


def test_watching_changes_nothing():
    watched = small(max_iter=3).set_callbacks(Recorder()).fit(PHOTOS)
    assert same_weights(watched, small(max_iter=3).fit(PHOTOS))


def test_the_fitted_estimator_of_each_hook_has_the_weights_of_its_epoch():
    recorder = Recorder(stop_after=2)
    stopped = small(max_iter=9, learning_rate="constant", tol=0).set_callbacks(recorder).fit(PHOTOS)
    assert stopped.n_iter_ == 2
    first = Recorder(stop_after=1)
    small(max_iter=9, learning_rate="constant", tol=0).set_callbacks(first).fit(PHOTOS)
    assert (first.picture != recorder.picture).any()


def test_a_hook_stops_the_fit_and_the_model_is_whole():
    stopped = small(max_iter=9, early_stopping=True).set_callbacks(Stopper()).fit(PHOTOS)
    assert stopped.n_iter_ == len(stopped.loss_curve_) == len(stopped.validation_scores_) == 2
    assert np.isfinite(stopped.score(PHOTOS))
    assert stopped.fit(PHOTOS).n_iter_ == 2


def test_a_hook_stops_every_fit_of_a_search():
    colorizer = small(max_iter=5).set_callbacks(Stopper())
    search = GridSearchCV(colorizer, {"vividness": [0.0, 1.0]}, cv=2, n_jobs=2, error_score="raise")
    assert search.fit(PHOTOS).best_estimator_.n_iter_ == 2


def test_a_fit_that_fails_tears_its_callbacks_down():
    recorder = Recorder()
    colorizer = small(learning_rate_init=1e30, learning_rate="constant", max_iter=9).set_callbacks(recorder)
    with pytest.raises(ValueError, match="the loss became"):
        colorizer.fit(PHOTOS)
    assert recorder.torn_down == 1


def test_warm_start_counts_only_the_epochs_ahead():
    recorder = Recorder()
    colorizer = small(warm_start=True).fit(PHOTOS)
    recorder_epochs = []

    class Counter(Stopper):
        def on_fit_task_begin(self, estimator, context):
            recorder_epochs.append((context.task_name, context.max_subtasks))

        def on_fit_task_end(self, estimator, context):
            return False

    colorizer.set_callbacks(Counter()).fit(PHOTOS)
    assert recorder_epochs == [("fit", 2), ("epoch", 0), ("epoch", 0)]
    assert recorder.torn_down == 0


# ------------------------------------------------------- scikit-learn's own ones


@pytest.mark.parametrize("inside", ["alone", "pipeline", "search"])
def test_progress_bars(capsys, inside):
    pytest.importorskip("rich")
    colorizer = small()
    if inside == "alone":
        model, named = colorizer, ["Colorizer - fit", "100%"]
    elif inside == "pipeline":
        model, named = make_pipeline(ImageLoader(), ToGrayscale(), colorizer), ["Pipeline - fit", "100%"]
    else:
        model = GridSearchCV(colorizer, {"vividness": [0.0, 1.0]}, cv=2, n_jobs=2, error_score="raise")
        named = ["GridSearchCV - fit", "100%"]
    model.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(PHOTOS, PHOTOS)
    written = capsys.readouterr()
    shown = written.out + written.err
    assert all(text in shown for text in named)
    assert "Colorizer" in shown


def test_transformers_in_a_watched_pipeline_do_not_warn():
    pytest.importorskip("rich")
    make_pipeline(ImageLoader(), small(max_iter=1)).set_callbacks(ProgressBar()).fit(PHOTOS)


def test_scoring_monitor_with_a_dictionary_of_callables():
    monitor = ScoringMonitor(scoring={"psnr": lambda estimator, X, y: estimator.score(X, y)})
    colorizer = small(max_iter=2).set_callbacks(monitor).fit(PHOTOS)
    log = monitor.get_logs()
    scores = [entry["psnr"] for entry in log.data]
    assert len(scores) == 2 and min(scores) > 5 and max(scores) < 60
    assert scores[0] != scores[1]
    assert colorizer.n_iter_ == 2


# --------------------------------------------------------- without callbacks


def test_where_scikit_learn_has_no_callbacks_fit_goes_on(tmp_path):
    """Should a later scikit-learn change the module, everything but the callbacks works."""
    for i, photo in enumerate(PHOTOS[:2]):
        Image.fromarray(photo).save(tmp_path / f"{i}.png")
    script = f"""
        import sys
        from sklearn.base import clone
        from sklearn.pipeline import make_pipeline
        sys.modules["sklearn.callback"] = None
        from skcolorize import Colorizer
        from skcolorize.datasets import image_paths
        from skcolorize.preprocessing import ImageLoader
        paths = image_paths({str(tmp_path)!r})
        small = Colorizer("squeezenet1_1", weights=None, image_size=32, max_iter=2, random_state=0)
        assert not hasattr(small, "set_callbacks")
        model = clone(make_pipeline(ImageLoader(), small)).fit(paths)
        print(model[-1].n_iter_, model.predict(paths)[0].shape)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert done.stdout.strip() == "2 (40, 56, 3)", done.stderr


def test_cloning_takes_no_fit_with_it():
    colorizer = small(max_iter=1).set_callbacks(Recorder()).fit(PHOTOS)
    assert not hasattr(clone(colorizer), "module_")
