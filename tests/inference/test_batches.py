"""Photos that are worked on together: by a GPU, whose code runs on the processor here, and by one thread."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from small import made_up_photos, small

from skcolorize.images.decode import read_photo
from skcolorize.inference import windows
from skcolorize.inference.predict import Session, forget_session
from skcolorize.inference.view import View, look_together
from skcolorize.inference.windows import in_windows

PHOTOS = [*made_up_photos(5, 40, 56), *made_up_photos(3, 32, 96), *made_up_photos(2, 40, 56)]


@pytest.fixture(scope="module")
def fitted():
    return small(image_size=64).fit(PHOTOS[:4])


@pytest.fixture
def colorizer(fitted):
    """One whose session has no past."""
    forget_session(fitted.module_)
    return copy.copy(fitted)


@pytest.fixture
def together(monkeypatch):
    """Predictions as on a GPU; the sizes of the batches that the network saw."""
    monkeypatch.setattr(Session, "takes_many", True)
    seen = []
    original = Session._run
    monkeypatch.setattr(
        Session, "_run", lambda self, planes: seen.append(len(planes)) or original(self, planes)
    )
    return seen


class ShortOfMemory:
    """A device whose memory holds only so many photos, and is asked for more."""

    def __init__(self, colorizer, most: int):
        self.most, self.asked = most, []
        self.session = colorizer._session()
        self._hook = self.session.network.register_forward_pre_hook(self._look)

    def _look(self, network, inputs):
        self.asked.append(len(inputs[0]))
        if len(inputs[0]) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def __enter__(self):
        return self

    def __exit__(self, *error):

        self._hook.remove()


def assert_within_a_level(ours, alone):
    """The documented tolerance between a photo in a batch and alone."""
    for one, other in zip(ours, alone, strict=True):
        difference = np.abs(one.astype(int) - other)
        assert (difference <= 1).mean() >= 0.995


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_photos_of_one_working_size_go_together(colorizer, together, n_jobs):
    alone = [colorizer.predict(photo) for photo in PHOTOS]
    together.clear()
    colorizer.set_params(n_jobs=n_jobs)
    assert_within_a_level(colorizer.predict(PHOTOS), alone)
    assert sorted(together) == [3, 7]
    together.clear()
    assert_within_a_level(colorizer.predict_iter(PHOTOS), alone)
    assert sorted(together) == [3, 7]


def test_all_that_looks_at_photos_looks_at_them_together(colorizer, together, monkeypatch):
    results = [colorizer.transform(PHOTOS), colorizer.predict_confidence(PHOTOS)]
    results.append(colorizer.sample_y(PHOTOS, 2, random_state=0))
    assert sorted(together) == [3, 3, 3, 7, 7, 7]
    monkeypatch.setattr(Session, "takes_many", False)
    others = [colorizer.transform(PHOTOS), colorizer.predict_confidence(PHOTOS)]
    others.append(colorizer.sample_y(PHOTOS, 2, random_state=0))
    for tolerance, ours, alone in zip((0.5, 0.01, 2), results, others, strict=True):
        for one, other in zip(ours, alone, strict=True):
            assert np.abs(one.astype(float) - other).max() <= tolerance


def test_on_a_processor_each_photo_goes_alone(colorizer, together, monkeypatch):
    monkeypatch.setattr(Session, "takes_many", False)
    colorizer.predict(PHOTOS)
    assert together == [1] * 10


def test_a_window_is_bounded(colorizer, together):
    read = []

    def views(photos):
        for i, photo in enumerate(photos):
            read.append(i)
            yield i, colorizer._view(read_photo(photo, name="photo"), colorizer._session())

    stream = in_windows(views(PHOTOS[:5] * 3), look_together, (4, 2**26))
    for i in range(15):
        assert next(stream)[0] == i
        assert len(read) == min(15, 4 * (i // 4 + 1))
    assert together == [4, 4, 4, 3]
    together.clear()
    stream = in_windows(views(PHOTOS[:5]), look_together, (64, 2 * PHOTOS[0][..., 0].size))
    assert [i for i, _ in stream] == [0, 1, 2, 3, 4]
    assert together == [2, 2, 1]


@pytest.fixture
def steps(monkeypatch):
    """What is done to photos, in order."""
    done = []
    for name in ("decode", "rgb"):
        original = getattr(View, name)
        monkeypatch.setattr(
            View, name, lambda *args, name=name, original=original: done.append(name) or original(*args)
        )
    return done


def test_one_thread_goes_through_small_photos_step_by_step(colorizer, steps, monkeypatch):
    monkeypatch.setattr(windows, "SMALL", (4, 2**20))
    together = colorizer.predict(PHOTOS)
    assert steps == 2 * [*4 * ["decode"], *4 * ["rgb"]] + ["decode"] * 2 + ["rgb"] * 2
    steps.clear()
    for one, other in zip(together, colorizer.set_params(n_jobs=2).predict(PHOTOS), strict=True):
        assert_array_equal(one, other)
    assert steps == ["rgb"] * 10


def test_one_thread_holds_one_large_photo(colorizer, steps, monkeypatch):
    monkeypatch.setattr(windows, "SMALL", (4, PHOTOS[0][..., 0].size))
    stream = colorizer.predict_iter(PHOTOS[:5])
    next(stream)
    next(stream)
    assert steps == ["decode", "rgb"] * 2


@pytest.mark.parametrize("where", ["processor", "GPU"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_error_comes_at_its_place(colorizer, request, tmp_path, n_jobs, where):
    if where == "GPU":
        request.getfixturevalue("together")
    colorizer.set_params(n_jobs=n_jobs)
    stream = colorizer.predict_iter([PHOTOS[0], PHOTOS[1], str(tmp_path / "none.png"), PHOTOS[2]])
    assert next(stream).shape == next(stream).shape == (40, 56, 3)
    with pytest.raises(ValueError, match=r"none\.png"):
        next(stream)


def test_batches_are_of_bounded_size(colorizer, together, monkeypatch):
    monkeypatch.setattr(colorizer._session(), "_batch_pixels", 3 * 64 * 64)
    colorizer.predict(PHOTOS[:5])
    assert sorted(together) == [2, 3]


def test_half_a_batch_where_memory_is_short(colorizer, together):
    alone = [colorizer.predict(photo) for photo in PHOTOS[:5]]
    together.clear()
    with ShortOfMemory(colorizer, most=3) as memory:
        assert_within_a_level(colorizer.predict(PHOTOS[:5]), alone)
        assert memory.asked == [5, 3, 2]
        colorizer.predict(PHOTOS[:5])
        assert memory.asked[3:] == [3, 2]  # it has learned what fits


def test_too_little_memory_for_half_a_batch_names_the_parameter(colorizer, together):
    with (
        ShortOfMemory(colorizer, most=1) as memory,
        pytest.raises(MemoryError, match=r"cpu has too little memory for 3 photos .* 64 x 64 .*image_size"),
    ):
        colorizer.predict(PHOTOS[:5])
    assert memory.asked == [5, 3]


def test_a_photo_alone_that_is_too_much(colorizer):
    with (
        ShortOfMemory(colorizer, most=0) as memory,
        pytest.raises(MemoryError, match=r"1 photos at the working size of .* lower image_size"),
    ):
        colorizer.predict(PHOTOS[0])
    assert memory.asked == [1, 1]
