"""Laws that hold for every estimator of the package, scikit-learn's and our own."""

import pytest
from adapters import TabularColorizer
from sklearn.utils.estimator_checks import estimator_checks_generator

from skcolorize import Colorizer

#: Checks that ask for what photos do not have.
EXPECTED_FAILURES = {
    "check_array_api_input": "NumPy arrays only",
}


def run_checks(estimator) -> list[dict]:
    """Results of all of scikit-learn's checks that apply."""
    results = []
    for instance, check in estimator_checks_generator(estimator, legacy=True):
        name = check.func.__name__
        try:
            check(instance)
        except pytest.skip.Exception:
            raise
        except Exception as error:
            results.append({"name": name, "error": error})
        else:
            results.append({"name": name, "error": None})
    return results


if __name__ == "__main__":
    import time, traceback
    t = time.time()
    r = run_checks(TabularColorizer())
    for x in r:
        if x["error"] is not None:
            print(x["name"], type(x["error"]).__name__, str(x["error"])[:300])
            if "-v" in __import__("sys").argv: traceback.print_exception(x["error"])
    print(len(r), time.time() - t)
