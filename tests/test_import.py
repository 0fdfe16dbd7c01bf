"""Importing: nothing heavy before it is used, every public module without the extras, errors that help."""

import pathlib
import pkgutil
import subprocess
import sys

import pytest
from PIL import Image

import skcolorize

#: Modules that only extras bring.
EXTRAS = (
    "aiohttp", "dask", "distributed", "fsspec", "matplotlib", "pandas", "pillow_heif", "playwright", "pytest",
    "pytest_benchmark", "rich", "s3fs",
)  # fmt: skip
WITHOUT_EXTRAS = f"import sys\nfor name in {EXTRAS}: sys.modules[name] = None\n"


def run(code: str) -> str:
    """What a fresh interpreter prints, warnings being errors."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(skcolorize.__path__, "skcolorize.")
    names = [
        module.name for module in found if not any(part.startswith("_") for part in module.name.split("."))
    ]
    return [name for name in names if not name.startswith("skcolorize.conftest")]


def test_import_loads_nothing_heavy():
    heavy = "{'numpy', 'torch', 'torchvision', 'sklearn', 'skimage', 'PIL', 'joblib'}"
    assert run(f"import sys, skcolorize; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_rooms_that_know_no_pytorch():
    rooms = ("color", "images", "metrics", "preprocessing", "datasets", "inspection", "cli")
    code = f"import importlib, sys\nfor room in {rooms}: importlib.import_module('skcolorize.' + room)\n"
    assert run(code + "print(sorted({'torch', 'torchvision', 'skimage'} & set(sys.modules)))") == "[]"


def test_every_module_is_importable_without_the_extras():
    names = public_modules()
    assert {"skcolorize.color", "skcolorize.cli.colorize", "skcolorize.inspection"} <= set(names)
    run(WITHOUT_EXTRAS + f"import importlib\nfor name in {names}: importlib.import_module(name)")


def test_every_name_of_the_front_door():
    assert skcolorize.__all__ == sorted(["__version__", *skcolorize._HOMES, *skcolorize._MODULES])
    assert set(skcolorize.__all__) <= set(dir(skcolorize))
    for name in skcolorize.__all__:
        assert getattr(skcolorize, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Colouriser'"):
        getattr(skcolorize, "Colouriser")  # noqa: B009


def test_a_missing_extra_is_named(tmp_path):
    out = str(tmp_path / "out")
    calls = {
        "inspection.TrainingCurveDisplay([1]).plot()": "plot",
        "images.read_photo('s3://bucket/a.jpg')": "remote",
        "images.read_photo(b'....ftypheic' + bytes(99))": "heic",
        "datasets.image_paths('s3://bucket')": "remote",
        f"datasets.ImageScraper({out!r}).transform(['http://x/a.jpg'])": "scrape",
        f"skcolorize.colorize_files('s3://bucket/x/*.jpg', {out!r})": "remote",
    }
    code = "import skcolorize\nfrom skcolorize import datasets, images, inspection\n"
    for call in calls:
        code += f"try: {call}\nexcept ImportError as error: print(error)\n"
    told = run(WITHOUT_EXTRAS + code).splitlines()
    for (call, extra), line in zip(calls.items(), told, strict=True):
        assert f"pip install 'skcolorize[{extra}]'" in line, call


def test_the_command_line_works_without_the_extras(tmp_path):
    Image.linear_gradient("L").save(tmp_path / "a.png")
    arguments = ["colorize", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.jpg")]
    code = f"from skcolorize.cli import main\nassert main({arguments}) == 0"
    assert run(WITHOUT_EXTRAS + code).startswith("1 done, 0 skipped, 0 failed")
    assert (tmp_path / "b.jpg").exists()


def test_show_versions(capsys):
    skcolorize.show_versions()
    printed = capsys.readouterr().out
    for name in ("skcolorize: ", "python: ", "torch: ", "scikit-learn: ", "cuda: "):
        assert f"\n{name}" in f"\n{printed}"


def test_the_package_is_typed():
    assert (pathlib.Path(skcolorize.__file__).parent / "py.typed").exists()
