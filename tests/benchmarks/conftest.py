"""Floors fail a test at its end; reports say more of the machine than pytest-benchmark does."""

import importlib.metadata

import pytest
from timing import check_floors

PACKAGES = "torch", "numpy", "scikit-image", "pillow"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A missed floor fails its test when all figures are told, and a test that skips the rest as well."""
    try:
        result = yield
    except pytest.skip.Exception:
        if "benchmark" in item.funcargs:
            check_floors(item.funcargs["benchmark"])
        raise
    if "benchmark" in item.funcargs:
        check_floors(item.funcargs["benchmark"])
    return result


def pytest_benchmark_update_machine_info(config, machine_info):
    """Versions that speed depends on."""
    machine_info["packages"] = {name: importlib.metadata.version(name) for name in PACKAGES}
