"""mypy passes on the package, and on what its users write: right use is right, wrong use is found."""

import os
import re
import subprocess
import sys
from pathlib import Path

import skcolorize

ROOT = Path(__file__).parents[1]
PACKAGE = Path(skcolorize.__file__).parent

USE = """\
from pathlib import Path
from typing import assert_type

import numpy as np
import skcolorize
from skcolorize import Colorizer, color, colorize_files, datasets, inspection, metrics, preprocessing

photos: list[np.ndarray] = datasets.load_example_images().images
gray = preprocessing.ToGrayscale().transform(photos)
assert_type(gray, np.ndarray)
colorizer = Colorizer("mobilenet_v2", image_size=(128, 192), max_iter=2, random_state=0)
assert_type(colorizer.fit(photos, photos), Colorizer)
assert_type(Colorizer().fit([Path("a.jpg"), "b.jpg"]).partial_fit(("a.jpg",)), Colorizer)
assert_type(Colorizer.from_pretrained(vividness=0.5), Colorizer)
assert_type(colorizer.predict(gray), np.ndarray)
assert_type(colorizer.predict("a.jpg"), np.ndarray)
assert_type(colorizer.predict_confidence(Path("a.jpg")), np.ndarray)
assert_type(colorizer.sample_y(b"", n_samples=2), np.ndarray)
assert_type(next(colorizer.predict_iter(photos)), np.ndarray)
assert_type(colorizer.score(photos), float)
assert_type(colorizer.loss_curve_, list[float])
assert_type(colorizer.validation_scores_, list[float] | None)
assert_type(colorizer.skipped_images_[0].reason, str)
colorizer.save_weights(Path("w.npz"))
colorize_files("album", Path("out"), model=colorizer, format="png", n_jobs=2).counts
assert_type(color.rgb_to_lab([255, 0, 0]), np.ndarray)
assert_type(color.lab_to_rgb(color.scale_lab(photos[0]), dtype="float32"), np.ndarray)
assert_type(preprocessing.LabToRGB("uint16").fit(photos).inverse_transform("a.jpg"), np.ndarray)
assert_type(metrics.peak_signal_noise_ratio(photos[0], photos[0].tolist()), float)
assert_type(metrics.hue_total_variation(photos, np.stack(photos)), float)
assert_type(metrics.psnr_scorer(colorizer, photos), float)
result = metrics.evaluate(colorizer, photos, baselines=["gray"])
assert_type(result.summary["gray"]["psnr"], tuple[float, float, float])
assert_type(datasets.image_paths(Path("album"), "*.png"), list[str])
assert_type(datasets.ImageScraper("out").transform(["https://a.org/a.jpg"]), np.ndarray)
display = inspection.ColorizationDisplay.from_estimator(colorizer, photos, max_size=300)
assert_type(display, inspection.ColorizationDisplay)
inspection.TrainingCurveDisplay.from_estimator(colorizer).figure_.savefig("curve.png")
skcolorize.show_versions()

Colorizer(vividness="strong")  # arg-type
Colorizer(max_itr=3)  # call-arg
colorizer.fit(photo for photo in photos)  # arg-type
colorizer.predict(3)  # arg-type
colorizer.loss_curve_ + 1  # operator
colorize_files("album")  # call-arg
metrics.colorfulness(photos[0]).upper()  # attr-defined
datasets.load_unsplash()  # attr-defined
skcolorize.Colouriser  # attr-defined
"""


def mypy(*arguments: str, **environment: str) -> list[str]:
    """What mypy prints, with the settings and the cache of this checkout."""
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_the_package():
    assert mypy()[-1].startswith("Success: no issues found"), "\n".join(mypy())


def test_use_of_the_package(tmp_path):
    (tmp_path / "use.py").write_text(USE)
    installed = PACKAGE.parent.name == "site-packages"  # then mypy wants the marker py.typed
    path = {} if installed else {"MYPYPATH": str(PACKAGE.parent)}
    printed = mypy(str(tmp_path / "use.py"), **path)
    errors = [re.search(r"use\.py:(\d+): error: .*\[([a-z-]+)\]$", line) for line in printed]
    found = {int(error[1]): error[2] for error in errors if error}
    lines = enumerate(USE.splitlines(), 1)
    assert found == {i: line.rpartition("# ")[2] for i, line in lines if "  # " in line}, "\n".join(printed)
