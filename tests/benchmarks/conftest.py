"""What the reports say of the machine beyond what pytest-benchmark says: versions that speed depends on."""

import importlib.metadata

PACKAGES = "torch", "numpy", "scikit-image", "pillow"


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["packages"] = {name: importlib.metadata.version(name) for name in PACKAGES}
