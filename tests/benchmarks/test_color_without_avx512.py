"""Colour conversions beside scikit-image's where NumPy may not use AVX-512, as where there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from timing import tell

import skcolorize

#: Kinds of code in NumPy that need AVX-512, by the names that its environment variable knows.
AVX512 = [name for name in __cpu_dispatch__ if "AVX512" in name or name == "X86_V4"]

SCRIPT = """
import json, sys
import numpy as np
from skimage.color import lab2rgb, rgb2lab
from skcolorize import color
from timing import best_of

n, repeats = map(int, sys.argv[1:])
rgb = np.random.default_rng(0).integers(0, 256, (n, 256, 256, 3), dtype=np.uint8)
lab = color.rgb_to_lab(rgb)
there = best_of(repeats, lambda: rgb2lab(rgb), lambda: color.rgb_to_lab(rgb))
back = best_of(repeats, lambda: lab2rgb(lab), lambda: color.lab_to_rgb(lab))
print(json.dumps([theirs / ours for theirs, ours in (there, back)]))
"""


def ratios(n_photos, repeats) -> list[float]:
    """How many times as fast ours are, there and back, by processor time in a process of its own."""
    paths = [str(Path(skcolorize.__file__).parents[1]), str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(AVX512)
    command = [sys.executable, "-c", SCRIPT, str(n_photos), str(repeats)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(
    not any(__cpu_features__.get(name) for name in AVX512), reason="the processor has no AVX-512"
)
def test_conversions_without_avx512(benchmark):
    n = 16 if benchmark.enabled else 1
    reached = benchmark.pedantic(ratios, args=(n, 7 if benchmark.enabled else 1), rounds=1)
    if benchmark.disabled:
        return
    for name, function, ratio in zip(
        ("sRGB to Lab", "Lab to sRGB"), ("rgb2lab", "lab2rgb"), reached, strict=True
    ):
        what = f"{name}, {n} photos of 256 x 256, AVX-512 switched off"
        tell(benchmark, what, f"`skimage.color.{function}` of the same", ratio)
