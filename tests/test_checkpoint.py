"""An interrupted fit goes on, fits do not disturb each other, and nothing is left behind."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from small import made_up_photos, same_weights, small

from skcolorize.training.checkpoint import Checkpoint, fingerprint

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos(4)


class Interrupted(Exception):
    """What stands for a power cut."""


class CutAfter:
    """A callback that ends the fit it watches after some epochs, counted over all fits that share it."""

    def __init__(self, epochs: int):
        self.left = epochs

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            if self.left == 0:
                raise Interrupted
            self.left -= 1

    def on_fit_task_end(self, estimator, context):
        pass


def interrupt(colorizer, X=PHOTOS, epochs=2):
    """Begin a fit as `colorizer` would, and cut it off."""
    with pytest.raises(Interrupted):
        clone(colorizer).set_callbacks(CutAfter(epochs)).fit(X)


def files(folder) -> list[str]:
    return sorted(os.listdir(folder))


VARIANTS = {
    "plain": {},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.25, "n_iter_no_change": 2},
    "frozen": {"freeze_encoder": True, "augment": False},
    "squared error": {"loss": "squared_error", "learning_rate": "constant", "tol": 0.0},
    "batches": {"batch_size": 2},
    "float16": {"precision": "float16"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_interrupted_fit_ends_where_an_uninterrupted_one_does(tmp_path, variant):
    options = dict(max_iter=5, **VARIANTS[variant])
    colorizer = small(checkpoint=tmp_path / "new folder", **options)
    interrupt(colorizer)
    assert [name for name in files(tmp_path / "new folder") if name.endswith(".pt")]
    colorizer.fit(PHOTOS)
    whole = small(**options).fit(PHOTOS)
    assert same_weights(colorizer, whole)
    assert colorizer.n_iter_ == whole.n_iter_
    for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "n_iter_"):
        assert getattr(colorizer, name) == getattr(whole, name)
    np.testing.assert_array_equal(colorizer.predict(PHOTOS), whole.predict(PHOTOS))
    assert files(tmp_path / "new folder") == []


def test_what_was_done_is_not_done_again(tmp_path):
    colorizer = small(max_iter=4, checkpoint=tmp_path, verbose=True)
    interrupt(colorizer, epochs=3)
    with pytest.raises(Interrupted):
        colorizer.set_callbacks(CutAfter(0)).fit(PHOTOS)
    assert colorizer.set_callbacks(CutAfter(1)).fit(PHOTOS).n_iter_ == 4


def test_a_killed_process_goes_on(tmp_path, one_thread):
    """SIGKILL or its like: nothing is tidied up, and the lock dies with the process."""
    for i, photo in enumerate(PHOTOS):
        Image.fromarray(photo).save(tmp_path / f"{i}.png")
    script = f"""
        import os
        import torch
        from skcolorize import Colorizer
        from skcolorize.datasets import image_paths

        torch.set_num_threads(1)

        class Kill:
            def setup(self, estimator, context): pass
            def teardown(self, estimator, context): pass
            def on_fit_task_begin(self, estimator, context):
                if context.task_id == 2:
                    os._exit(9)
            def on_fit_task_end(self, estimator, context): pass

        Colorizer(
            "squeezenet1_1", weights=None, image_size=32, max_iter=4, precision="float32", random_state=0,
            checkpoint={str(tmp_path / "checkpoints")!r},
        ).set_callbacks(Kill()).fit(image_paths({str(tmp_path)!r}, pattern="*.png"))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    paths = [str(tmp_path / f"{i}.png") for i in range(len(PHOTOS))]
    colorizer = small(max_iter=4, checkpoint=tmp_path / "checkpoints").set_callbacks(CutAfter(2)).fit(paths)
    assert same_weights(colorizer, small(max_iter=4).fit(paths))
    assert files(tmp_path / "checkpoints") == []


def test_without_random_state_the_drawn_seed_goes_on(tmp_path):
    colorizer = small(max_iter=3, random_state=None, checkpoint=tmp_path)
    interrupt(colorizer, epochs=1)
    seed = Checkpoint(tmp_path, files(tmp_path)[0].removesuffix(".pt")).load()["seed"]
    colorizer.fit(PHOTOS)
    # a seed is what fit draws from its random_state
    whole = small(max_iter=3, random_state=Drawn(seed)).fit(PHOTOS)
    assert same_weights(colorizer, whole)


class Drawn(np.random.RandomState):
    """A random state of which the next number is known."""

    def __init__(self, seed):
        super().__init__(0)
        self.seed_drawn = seed

    def randint(self, *args, **kwargs):
        return self.seed_drawn


def test_a_finished_fit_that_was_cut_before_its_end_is_finished(tmp_path):
    """All epochs done, the file still there: only the end is made up for."""
    colorizer = small(max_iter=2, checkpoint=tmp_path)

    class CutAtTheEnd(CutAfter):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "fit":
                raise Interrupted

    with pytest.raises(Interrupted):
        clone(colorizer).set_callbacks(CutAtTheEnd(9)).fit(PHOTOS)
    assert same_weights(colorizer.set_callbacks(CutAfter(0)).fit(PHOTOS), small(max_iter=2).fit(PHOTOS))


def test_warm_starts_are_fits_of_their_own(tmp_path):
    colorizer = small(warm_start=True, checkpoint=tmp_path).fit(PHOTOS)
    whole = small(warm_start=True).fit(PHOTOS).fit(PHOTOS)
    with pytest.raises(Interrupted):
        colorizer.set_callbacks(CutAfter(1)).fit(PHOTOS)
    colorizer.set_callbacks().fit(PHOTOS)
    assert same_weights(colorizer, whole)
    assert colorizer.loss_curve_ == whole.loss_curve_
    assert files(tmp_path) == []


def test_warm_starts_from_other_weights_are_other_fits(tmp_path):
    one, other, alone = (small(max_iter=3, warm_start=True) for _ in range(3))
    one.fit(PHOTOS[:2])
    other.fit(PHOTOS[2:]), alone.fit(PHOTOS[2:])
    with pytest.raises(Interrupted):
        one.set_params(checkpoint=tmp_path).set_callbacks(CutAfter(2)).fit(PHOTOS)
    assert same_weights(other.set_params(checkpoint=tmp_path).fit(PHOTOS), alone.fit(PHOTOS))


# -------------------------------------------------------------- model selection


def test_cross_validation_in_two_processes(tmp_path):
    colorizer = small(max_iter=2, checkpoint=tmp_path)
    scores = cross_val_score(colorizer, list(PHOTOS), cv=2, n_jobs=2, error_score="raise")
    np.testing.assert_allclose(scores, cross_val_score(small(max_iter=2), list(PHOTOS), cv=2), atol=0.01)
    assert files(tmp_path) == []


def test_a_search_interrupted_in_its_third_fold(tmp_path):
    """Ended fits left no file, the third goes on, and the result is as if nothing had happened."""
    grid = {"learning_rate_init": [1e-3, 1e-2]}

    def search(colorizer):
        return GridSearchCV(colorizer, grid, cv=2, error_score="raise")

    cut = small(max_iter=2, checkpoint=tmp_path).set_callbacks(counter := CutAfter(5))
    with pytest.raises(Interrupted):
        search(cut).fit(list(PHOTOS))
    assert counter.left == 0
    assert len([name for name in files(tmp_path) if name.endswith(".pt")]) == 1
    again = search(small(max_iter=2, checkpoint=tmp_path)).fit(list(PHOTOS))
    whole = search(small(max_iter=2)).fit(list(PHOTOS))
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], whole.cv_results_["mean_test_score"])
    assert same_weights(again.best_estimator_, whole.best_estimator_)
    assert files(tmp_path) == []


def test_two_fits_at_once_of_different_photos_do_not_meet(tmp_path):
    first = small(max_iter=4, checkpoint=tmp_path)
    interrupt(first, PHOTOS[:3])
    interrupt(first, PHOTOS[1:])
    interrupt(clone(first).set_params(learning_rate_init=1e-2), PHOTOS[1:])
    assert len(files(tmp_path)) == 3
    assert same_weights(clone(first).fit(PHOTOS[1:]), small(max_iter=4).fit(PHOTOS[1:]))
    assert len(files(tmp_path)) == 2


def test_a_second_fit_of_the_same_waits_for_the_first(tmp_path):
    """Threads here; processes take the same lock."""
    order, inside, go = [], threading.Event(), threading.Event()

    class Slow(CutAfter):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and context.task_id == 0:
                inside.set()
                assert go.wait(60)

    class Told(CutAfter):
        def on_fit_task_begin(self, estimator, context):
            order.append("second begins")

    colorizer = small(checkpoint=tmp_path)
    one, other = clone(colorizer).set_callbacks(Slow(9)), clone(colorizer).set_callbacks(Told(9))

    def first():
        one.fit(PHOTOS)
        order.append("first is over")

    threads = [threading.Thread(target=first), threading.Thread(target=lambda: other.fit(PHOTOS))]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    threads[1].join(0.5)
    assert order == []  # it waits
    go.set()
    for thread in threads:
        thread.join(60)
    assert order.index("second begins") <= 1 and len(order) == 4
    assert same_weights(one, other)
    assert files(tmp_path) == []


def test_a_second_process_with_the_same_fingerprint_waits(tmp_path):
    colorizer = small(max_iter=1, checkpoint=tmp_path)
    interrupt(colorizer, epochs=0)
    np.save(tmp_path / "photos.npy", PHOTOS)
    script = f"""
        import numpy as np
        from skcolorize import Colorizer
        colorizer = Colorizer(
            "squeezenet1_1", weights=None, image_size=32, max_iter=1, precision="float32", random_state=0,
            checkpoint={str(tmp_path)!r},
        )
        photos = np.load({str(tmp_path / "photos.npy")!r})
        print("ready", flush=True)
        colorizer.fit(photos)
        print("done", flush=True)
    """
    waiting = {}

    class Start(CutAfter):
        def on_fit_task_begin(self, estimator, context):
            if context.task_name == "epoch":
                waiting["process"] = process = subprocess.Popen(
                    [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
                )
                assert process.stdout.readline() == "ready\n"
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(2)

    colorizer.set_callbacks(Start(9)).fit(PHOTOS)
    out, _ = waiting["process"].communicate(timeout=120)
    assert out == "done\n" and waiting["process"].returncode == 0
    assert files(tmp_path) == ["photos.npy"]


# ------------------------------------------------------------------ fingerprints


def test_a_fingerprint_knows_photos_targets_and_parameters(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PHOTOS[0]).save(path)
    with Image.open(path) as image:
        pil = image.copy()
    base = fingerprint({"a": 1}, [str(path)], None)
    assert base == fingerprint({"a": 1}, [str(path)], None)
    others = [
        fingerprint({"a": 2}, [str(path)], None),
        fingerprint({"a": 1}, [str(path)] * 2, None),
        fingerprint({"a": 1}, [str(path)], [str(path)]),
        fingerprint({"a": 1}, [PHOTOS[0]], None),
        fingerprint({"a": 1}, [PHOTOS[1]], None),
        fingerprint({"a": 1}, [PHOTOS[0].astype("uint16")], None),
        fingerprint({"a": 1}, [PHOTOS[0].transpose(1, 0, 2)], None),
        fingerprint({"a": 1}, [path.read_bytes()], None),
        fingerprint({"a": 1}, [pil.quantize(4)], None),
        fingerprint({"a": 1}, [pil.quantize(4, method=2)], None),
        fingerprint({"a": np.random.RandomState(0)}, [str(path)], None),
        fingerprint({"a": np.random.RandomState(1)}, [str(path)], None),
    ]
    assert len({base, *others}) == 1 + len(others)
    Image.fromarray(PHOTOS[1]).save(path)
    os.utime(path, (1, 1))
    assert fingerprint({"a": 1}, [str(path)], None) != base


@pytest.mark.parametrize(
    "circumstances", [{"n_jobs": 2}, {"verbose": True}, {"device": "cpu"}, {"checkpoint": "the same folder"}]
)
def test_circumstances_do_not_matter(tmp_path, circumstances, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "the same folder"
    colorizer = small(max_iter=3, checkpoint=folder)
    interrupt(colorizer)
    resumed = colorizer.set_params(**circumstances).set_callbacks(CutAfter(1)).fit(PHOTOS)
    assert same_weights(resumed, small(max_iter=3).fit(PHOTOS))


def test_a_broken_checkpoint_says_what_to_do(tmp_path):
    colorizer = small(checkpoint=tmp_path)
    interrupt(colorizer, epochs=1)
    (tmp_path / files(tmp_path)[0]).write_bytes(b"not a checkpoint")
    with pytest.raises(
        ValueError, match=r"the checkpoint '.*\.pt' can't be read .*Remove it to start this fit anew"
    ):
        colorizer.fit(PHOTOS)


def test_a_checkpoint_needs_a_local_folder():
    with pytest.raises(ValueError, match=r"'checkpoint' parameter .*local folder"):
        small(checkpoint="s3://bucket/folder").fit(PHOTOS)
