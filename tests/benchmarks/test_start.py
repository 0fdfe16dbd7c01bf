"""How long a start takes, each in a fresh process whose files the system has read before.

Seconds, the only ones of the performance page: told beside their floors, which no test holds them to.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from timing import tell

import skcolorize

#: What was measured, the code before it, the code itself, and the seconds it is to take at most.
STARTS = {
    "import skcolorize": (
        "`import skcolorize`",
        "a fresh process",
        "import os",
        "import skcolorize",
        0.2,
    ),
    "from_pretrained": (
        "`Colorizer.from_pretrained()`",
        "torch, torchvision.models and `Colorizer` are imported",
        "import torch, torchvision.models; from skcolorize import Colorizer",
        "Colorizer.from_pretrained()",
        0.3,
    ),
    "Colorizer": (
        "`from skcolorize import Colorizer`, which imports scikit-learn",
        "torch and torchvision.models are imported",
        "import torch, torchvision.models",
        "from skcolorize import Colorizer",
        None,
    ),
}


def seconds(before, code) -> float:
    """Wall clock of `code` after `before` in a fresh process."""
    script = f"import time\n{before}\nstart = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
    environment = {**os.environ, "PYTHONPATH": str(Path(skcolorize.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.parametrize("name", STARTS)
def test_a_start(benchmark, name):
    what, beside, before, code, limit = STARTS[name]
    first = benchmark.pedantic(seconds, args=(before, code), rounds=1)
    if benchmark.disabled:
        return
    least = min(first, *(seconds(before, code) for _ in range(4)))
    tell(benchmark, what, beside, least, at_most=limit, unit="s", asserted=False)
