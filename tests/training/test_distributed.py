"""Two real processes under torchrun, with gloo, against one."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

TRAIN = """
import json, os, sys
import numpy as np
from skcolorize import Colorizer

rank = os.environ.get("RANK", "0")
folder, epochs, checkpoint = sys.argv[1], int(sys.argv[2]), sys.argv[3] or None
photos = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".png"))


class Halt:
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context):
        if rank == os.environ.get("DIES") and context.task_name == "epoch" and context.task_id == 1:
            os._exit(7)


model = Colorizer(
    image_size=32, max_iter=epochs, batch_size=4, precision="float32", random_state=0, checkpoint=checkpoint
)
model.set_callbacks(Halt()).fit(photos)
state = {name: value.double().sum().item() for name, value in model.module_.state_dict().items()}
flat = np.concatenate([p.detach().numpy().ravel() for p in model.module_.parameters()])
np.save(os.path.join(folder, f"weights-{sys.argv[4]}-{rank}.npy"), flat)
with open(os.path.join(folder, f"curve-{sys.argv[4]}-{rank}.json"), "w") as file:
    json.dump(model.loss_curve_, file)
model.fit(photos[:3])  # a second fit in one process
"""


@pytest.fixture
def folder(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(8):
        coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((48, 40)).save(tmp_path / f"{i}.png")
    (tmp_path / "train.py").write_text(textwrap.dedent(TRAIN))
    return tmp_path


def train(folder, processes, name, *, epochs=2, checkpoint="", dies=None):
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **({"DIES": dies} if dies else {})}
    arguments = [str(folder / "train.py"), str(folder), str(epochs), checkpoint, name]
    return subprocess.run(command + arguments, env=environment, capture_output=True, text=True, timeout=300)


def results(folder, name, rank=0):
    weights = np.load(folder / f"weights-{name}-{rank}.npy")
    return weights, json.loads((folder / f"curve-{name}-{rank}.json").read_text())


def test_two_processes_learn_what_one_learns(folder):
    for processes, name in ((1, "one"), (2, "two")):
        done = train(folder, processes, name)
        assert done.returncode == 0, done.stderr[-2000:]
    (alone, curve), (first, curve_first), (second, curve_second) = (
        results(folder, "one"),
        results(folder, "two", 0),
        results(folder, "two", 1),
    )
    np.testing.assert_array_equal(first, second)
    assert curve_first == curve_second
    np.testing.assert_allclose(curve_first, curve, rtol=1e-5)
    np.testing.assert_allclose(first, alone, atol=1e-5)  # four steps; later AdamW magnifies rounding


@pytest.mark.slow
def test_a_dead_process_ends_the_job_and_another_number_goes_on(folder):
    checkpoint = str(folder / "checkpoint")
    dead = train(folder, 2, "dead", epochs=4, checkpoint=checkpoint, dies="1")
    assert dead.returncode != 0
    assert len(list((folder / "checkpoint").glob("*.pt"))) == 1
    done = train(folder, 1, "resumed", epochs=4, checkpoint=checkpoint)
    assert done.returncode == 0, done.stderr[-2000:]
    _, curve = results(folder, "resumed")
    assert len(curve) == 4
    assert list((folder / "checkpoint").glob("*.pt")) == []
