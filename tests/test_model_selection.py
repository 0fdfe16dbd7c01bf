"""scikit-learn's tools for choosing among models, over lists of paths."""

import numpy as np
import pytest
from joblib import parallel_config
from PIL import Image
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneOut,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import Pipeline, make_pipeline
from small import made_up_photos, same_weights, small

from skcolorize.preprocessing import ImageLoader, LabToRGB, ToGrayscale

pytestmark = pytest.mark.usefixtures("one_thread")  # bit by bit

PHOTOS = made_up_photos()
BACKENDS = ["loky", "threading"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Six files of three sizes."""
    folder = tmp_path_factory.mktemp("photos")
    for i, photo in enumerate(PHOTOS):
        Image.fromarray(photo[: 40 - 4 * (i % 3)]).save(folder / f"{i}.png")
    return [str(folder / f"{i}.png") for i in range(len(PHOTOS))]


@pytest.fixture
def colorizer():
    return small(max_iter=1)


def sizes(photos) -> list:
    return [np.shape(photo) for photo in photos]


@pytest.fixture(scope="module")
def expected_sizes():
    return [(40 - 4 * (i % 3), 56, 3) for i in range(len(PHOTOS))]


# -------------------------------------------------------------- two at a time


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_tool_with_two_jobs(colorizer, paths, expected_sizes, backend):
    with parallel_config(backend, n_jobs=2):
        scores = cross_val_score(colorizer, paths, cv=2, error_score="raise")
        pictures = cross_val_predict(colorizer, paths, cv=2)
        search = GridSearchCV(colorizer, {"vividness": [0.0, 1.0]}, cv=2, error_score="raise").fit(paths)
        train_sizes, train, test = learning_curve(
            colorizer, paths, None, cv=2, train_sizes=[2, 3], error_score="raise"
        )
    np.testing.assert_allclose(scores, cross_val_score(colorizer, paths, cv=2), atol=0.01)
    assert sizes(pictures) == expected_sizes
    assert search.cv_results_["mean_test_score"].shape == (2,) and search.best_index_ in (0, 1)
    assert sizes(search.predict(paths)) == expected_sizes
    assert search.score(paths) == search.best_estimator_.score(paths)
    assert train_sizes.tolist() == [2, 3] and np.isfinite([train, test]).all()


def test_leave_one_out(colorizer, paths, expected_sizes):
    """Folds of one photo each, whose results still are containers."""
    assert sizes(cross_val_predict(colorizer, paths[:3], cv=LeaveOneOut())) == expected_sizes[:3]
    stacked = cross_val_predict(colorizer, PHOTOS[:3], cv=LeaveOneOut())
    assert stacked.shape == (3, *PHOTOS.shape[1:]) and stacked.dtype == np.uint8


def test_cross_val_predict_is_what_the_folds_give(colorizer, paths):
    X = np.array(paths)
    results = cross_val_predict(colorizer, X, cv=KFold(2))
    for train, test in KFold(2).split(X):
        own = clone(colorizer).fit(X[train]).predict(X[test])
        for result, other in zip(results[test], own, strict=True):
            np.testing.assert_array_equal(result, other)


def test_learning_curve_by_partial_fit(colorizer, paths):
    _, _, scores = learning_curve(
        colorizer,
        paths,
        None,
        cv=2,
        train_sizes=[2, 3],
        exploit_incremental_learning=True,
        error_score="raise",
    )
    assert np.isfinite(scores).all()


def test_errors_of_a_fold_come_through(colorizer, paths):
    with pytest.raises(ValueError, match="'max_iter' parameter of Colorizer"):
        cross_val_score(colorizer.set_params(max_iter=0), paths, cv=2, error_score="raise")


def test_a_search_over_numpy_values(colorizer, paths):
    grid = {"image_size": np.array([32, 64]), "learning_rate_init": np.logspace(-4, -3, 2)}
    search = GridSearchCV(colorizer, grid, cv=2, error_score="raise").fit(paths[:4])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ----------------------------------------------------------- metadata routing


def test_with_metadata_routing(colorizer, paths):
    weights = np.array([1.0, 0, 2, 0, 1, 0])
    with config_context(enable_metadata_routing=True):
        plain = cross_val_score(colorizer, paths, cv=2, error_score="raise")
        asking = clone(colorizer).set_score_request(sample_weight=True)
        weighted = cross_val_score(
            asking, paths, cv=2, params={"sample_weight": weights}, error_score="raise"
        )
        piped = cross_val_score(make_pipeline(ImageLoader(), colorizer), paths, cv=2, error_score="raise")
        search = GridSearchCV(asking, {"vividness": [0.0, 1.0]}, cv=2, error_score="raise")
        assert np.isfinite(search.fit(paths, sample_weight=weights).best_score_)
    np.testing.assert_allclose(plain, piped)
    assert (plain != weighted).all()


# -------------------------------------------------------------------- pipelines


def test_a_loader_before_it_changes_nothing(colorizer, paths):
    pipeline = make_pipeline(ImageLoader(), colorizer).fit(paths)
    alone = clone(colorizer).fit(paths)
    assert same_weights(pipeline[-1], alone)
    for picture, other in zip(pipeline.predict(paths), alone.predict(paths), strict=True):
        np.testing.assert_array_equal(picture, other)
    assert pipeline.score(paths) == alone.score(paths)


def test_a_loader_that_shrinks(colorizer, paths):
    pipeline = make_pipeline(ImageLoader(max_size=28), colorizer).fit(paths)
    assert sizes(pipeline.predict(paths[:2])) == [(20, 28, 3), (18, 28, 3)]


def test_behind_to_grayscale_y_gives_the_colours(colorizer, paths):
    pipeline = make_pipeline(ImageLoader(), ToGrayscale(), colorizer).fit(paths, y=paths)
    assert sizes(pipeline.predict(paths)) == sizes(PHOTOS[i][: 40 - 4 * (i % 3)] for i in range(6))
    assert np.isfinite(pipeline.score(paths, paths))
    scores = cross_val_score(clone(pipeline), paths, paths, cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    with pytest.raises(ValueError, match=r"can be learned from.*pass the colours"):
        clone(pipeline).fit(paths)


def test_lab_to_rgb_after_it(colorizer, paths):
    pipeline = make_pipeline(colorizer, LabToRGB()).fit(paths)
    for rgb, picture in zip(pipeline.transform(paths), pipeline[0].predict(paths), strict=True):
        assert np.abs(rgb.astype(int) - picture).max() <= 1
    for rgb, other in zip(pipeline.fit_transform(paths), pipeline.transform(paths), strict=True):
        np.testing.assert_array_equal(rgb, other)


def test_fit_transform_is_fit_and_transform(colorizer, paths):
    both = clone(colorizer).fit_transform(paths)
    for lab, other in zip(both, colorizer.fit(paths).transform(paths), strict=True):
        np.testing.assert_array_equal(lab, other)


def test_a_pipeline_with_memory(colorizer, paths, tmp_path):
    pipeline = Pipeline([("load", ImageLoader()), ("colorize", colorizer)], memory=str(tmp_path))
    first = pipeline.fit(paths)[-1]
    assert same_weights(first, clone(pipeline).fit(paths)[-1])


def test_photos_are_no_table_under_pandas_output(colorizer, paths):
    with config_context(transform_output="pandas"):
        pipeline = make_pipeline(ImageLoader(), colorizer, LabToRGB()).fit(paths)
        assert isinstance(pipeline.transform(paths), np.ndarray)
    with pytest.raises(ValueError, match="Unable to configure output"):
        make_pipeline(ImageLoader(), colorizer).set_output(transform="pandas")


# ------------------------------------------------------------------------ clone


def test_clone_is_unfitted_and_alike(colorizer, paths):
    colorizer.set_params(image_size=(32, 64), device="cpu", vividness=0.5).fit(paths)
    copy = clone(colorizer)
    assert copy.get_params() == colorizer.get_params()
    assert not hasattr(copy, "module_")
    assert same_weights(copy.fit(paths), colorizer)
