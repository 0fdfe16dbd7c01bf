"""Two real processes under torchrun, with gloo, against one."""

import json
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from skcolorize import Colorizer

TRAIN = """
import json, os, signal, sys
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
            os.kill(os.getpid(), signal.SIGKILL)


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
    environment = {"DIES": dies} if dies else {}
    script = folder / "train.py", folder, epochs, checkpoint, name
    return torchrun(*script, processes=processes, **environment)


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


DECIDE = """
import hashlib, os, sys
import numpy as np
from skcolorize import Colorizer
from skcolorize.training import cache
from skcolorize.training.evaluation import validation_score

rank, folder = os.environ["RANK"], sys.argv[1]
photos = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".png"))
decoded, read = [], cache.read_photo
cache.read_photo = lambda item, **options: decoded.append(item) or read(item, **options)
model = Colorizer(
    "mobilenet_v3_small", weights=None, image_size=32, max_iter=30, batch_size=4, precision="float32",
    learning_rate="constant", early_stopping=True, validation_fraction=0.3, n_iter_no_change=1,
    verbose=True, random_state=None,
).fit(photos)
digest = hashlib.sha256()
for name, value in sorted(model.module_.state_dict().items()):  # weights and the statistics of norms
    digest.update(name.encode() + value.numpy().tobytes())
told = [digest.hexdigest(), model.n_iter_, model.validation_scores_, model.loss_curve_]
told.append(vars(model._decoding.calibration))
with open(os.path.join(folder, f"told-{rank}"), "w") as file:
    file.write(repr(told) + "\\n" + str(len(decoded)))
"""


def torchrun(*arguments, processes=2, **environment):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    command += [str(argument) for argument in arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_decisions_are_common_and_one_process_tells(folder):
    """No seed is given, norms learn, one photo is gray, and the fit stops when the score does not improve."""
    from PIL import Image

    Image.new("L", (48, 40), 90).save(folder / "gray.png")
    (folder / "decide.py").write_text(DECIDE)
    done = torchrun(folder / "decide.py", folder)
    assert done.returncode == 0, done.stderr[-2000:]
    (first, n_first), (second, n_second) = ((folder / f"told-{r}").read_text().split("\n") for r in (0, 1))
    assert first == second
    assert (int(n_first), int(n_second)) == (5, 4)  # each decodes its share
    lines = [line for line in done.stdout.splitlines() if line.startswith("epoch ")]
    n_iter = int(first.split(", ")[1])
    assert n_iter < 30
    assert [line.split("/")[0] for line in lines] == [f"epoch {i + 1}" for i in range(n_iter)]
    assert done.stderr.count("fit skipped 1 of 9 photos") == 1


def test_the_command_line_trains_in_two_processes(folder):
    """With a photo left out: the status 1 comes when the model has been written, and from one process."""
    from PIL import Image

    Image.new("L", (48, 40), 90).save(folder / "gray.png")
    settings = ("image_size=32", "max_iter=2", "random_state=0")  # embedded: its norms hold still
    settings += ("precision=float32", "batch_size=4")
    options = [part for setting in settings for part in ("--set", setting)]
    done = torchrun("-m", "skcolorize", "train", folder, "-o", folder / "two.npz", *options)
    assert done.stdout.count("fitted on 8 photos") == 1, done.stderr[-2000:]
    # the other one may still be at its end when torchrun stops it, which is reported with a signal's number
    assert re.findall(r"rank      : (\d+).*\n  exitcode  : 1 ", done.stderr) == ["0"], done.stderr[-2000:]
    alone = [
        sys.executable,
        "-m",
        "skcolorize",
        "train",
        str(folder),
        "-o",
        str(folder / "one.npz"),
        *options,
    ]
    assert subprocess.run(alone, capture_output=True, timeout=300).returncode == 1
    one, two = (Colorizer.from_pretrained(folder / f"{name}.npz").module_ for name in ("one", "two"))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), atol=1e-5)


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
