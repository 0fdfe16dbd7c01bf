"""Colour conversions beside scikit-image's, with AVX-512 and without.

In processes of their own: behind other tests scikit-image's large arrays come from memory that is there
already, which saves it a fifth of the time. One thread is timed by the processor's clock, two by the clock on
the wall, and only where two cores are free.
"""

import os

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from timing import in_own_process, tell

#: Kinds of code in NumPy that need AVX-512, by the names that its environment variable knows.
AVX512 = [name for name in __cpu_dispatch__ if "AVX512" in name or name == "X86_V4"]
SLACK = 0.8

SCRIPT = """
import json, sys, time
import numpy as np
from skimage.color import lab2rgb, rgb2lab
from skcolorize.color import lab_to_rgb, rgb_to_lab
from timing import best_of, free_cores

n, repeats = map(int, sys.argv[1:])
rgb = np.random.default_rng(0).integers(0, 256, (n, 256, 256, 3), dtype=np.uint8)
lab = rgb_to_lab(rgb)
doubles = lab.astype(float)
assert np.array_equal(lab_to_rgb(lab), rgb)

def ratio(theirs, ours, clock=time.process_time):
    # twice each: the first finds the processor's cache full of the other's numbers
    slow, _, fast, again = best_of(repeats, theirs, theirs, ours, ours, clock=clock)
    return slow / min(fast, again)

print(json.dumps({
    "there": ratio(lambda: rgb2lab(rgb), lambda: rgb_to_lab(rgb)),
    "there, two": ratio(lambda: rgb2lab(rgb), lambda: rgb_to_lab(rgb, n_jobs=2), time.perf_counter),
    "back": ratio(lambda: lab2rgb(lab), lambda: lab_to_rgb(lab)),
    "back, doubles": ratio(lambda: lab2rgb(doubles), lambda: lab_to_rgb(lab)),
    "free cores": free_cores(),
}))
"""


def ratios(n_photos, repeats, disabled=()) -> dict[str, float]:
    """How many times as fast ours are, there and back, in a process of their own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if disabled:
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(disabled)
    return in_own_process(SCRIPT, n_photos, repeats, environment=environment)


def measured(benchmark, disabled=()) -> dict[str, float]:
    """`ratios` of 16 photos, or of one where nothing is timed."""
    args = (16, 9, disabled) if benchmark.enabled else (1, 1, disabled)
    return benchmark.pedantic(ratios, args=args, rounds=1)


def test_conversions(benchmark):
    reached = measured(benchmark)
    if benchmark.disabled:
        return
    what, beside = "sRGB to Lab, 16 photos of 256 x 256", "`skimage.color.rgb2lab`"
    tell(benchmark, what, beside, reached["there"], at_least=8, slack=SLACK)
    what_back = "Lab to sRGB, 16 photos of 256 x 256"
    beside_back = "`skimage.color.lab2rgb` of float32"
    tell(benchmark, what_back, beside_back, reached["back"], at_least=7, slack=SLACK)
    beside_back = "`skimage.color.lab2rgb` of what its rgb2lab gives"
    tell(benchmark, what_back + ", doubles there", beside_back, reached["back, doubles"])
    if reached["free cores"] < 1.7:
        pytest.skip("two cores are not free: what two threads get done tells nothing")
    tell(benchmark, what + ", on two threads", beside, reached["there, two"], at_least=12, slack=SLACK)


@pytest.mark.skipif(
    not any(__cpu_features__.get(name) for name in AVX512), reason="the processor has no AVX-512"
)
def test_conversions_without_avx512(benchmark):
    reached = measured(benchmark, AVX512)
    if benchmark.disabled:
        return
    for name, function, ratio in (
        ("sRGB to Lab", "rgb2lab", reached["there"]),
        ("Lab to sRGB", "lab2rgb", reached["back"]),
    ):
        what = f"{name}, 16 photos of 256 x 256, AVX-512 switched off"
        tell(benchmark, what, f"`skimage.color.{function}` of the same", ratio)
