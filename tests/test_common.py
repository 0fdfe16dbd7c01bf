"""Laws of every estimator: scikit-learn's own checks, on tables turned into photos."""

import unittest

import adapters
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

from skcolorize import Colorizer, preprocessing
from skcolorize._base import BasePhotoEstimator

REAL = [Colorizer(), *(getattr(preprocessing, name)() for name in preprocessing.__all__)]

#: Estimators on tables, and how many of scikit-learn's checks have to run and pass on each at least.
TABULAR = [
    (adapters.TabularColorizer(), 45),
    *((getattr(adapters, f"Tabular{name}")(), 44) for name in preprocessing.__all__),
]


DATA_FREE = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_mixin_order,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
]


def results(estimator) -> dict[str, list[str]]:
    """Names of scikit-learn's checks by outcome."""
    outcome = {"passed": [], "skipped": [], "failed": []}
    for instance, check in estimator_checks_generator(estimator, legacy=True):
        name = check.func.__name__
        try:
            check(instance)
        except unittest.SkipTest:
            outcome["skipped"].append(name)
        except Exception as error:
            outcome["failed"].append(f"{name}: {type(error).__name__}: {error}")
        else:
            outcome["passed"].append(name)
    return outcome


@pytest.mark.filterwarnings("ignore")  # of scikit-learn's own data: gray photos, constant ones, skipped ones
@pytest.mark.parametrize(("estimator", "at_least"), TABULAR, ids=lambda v: type(v).__name__)
def test_estimator_checks(estimator, at_least, monkeypatch):
    monkeypatch.setattr("skcolorize.training.evaluation.CALIBRATION_PHOTOS", 3)  # for speed alone
    outcome = results(estimator)
    assert outcome["failed"] == []
    # check_array_api_input runs only where SCIPY_ARRAY_API is set; photos are NumPy arrays
    assert set(outcome["skipped"]) <= {"check_array_api_input"}
    assert len(outcome["passed"]) >= at_least


@pytest.mark.parametrize("estimator", REAL, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("check", DATA_FREE, ids=lambda check: check.__name__)
def test_data_free_checks(estimator, check):
    """The checks that need no table run on the estimators as they are."""
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("estimator", REAL, ids=lambda e: type(e).__name__)
def test_tags_tell_the_truth(estimator):
    tags = estimator.__sklearn_tags__()
    assert isinstance(estimator, BasePhotoEstimator)
    assert not tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert tags.input_tags.string
    assert not tags.target_tags.required
    assert tags.transformer_tags.preserves_dtype == []
    assert tags.requires_fit == isinstance(estimator, Colorizer)
