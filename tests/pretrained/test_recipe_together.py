"""The recipe in two real processes, under torchrun with gloo."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from skcolorize import Colorizer

SCRIPT = """
import os, sys
import numpy as np
from skcolorize.pretrained import _course, _sets, recipe

rank, folder = os.environ["RANK"], sys.argv[1]
_course.ROUND = 8
first_photos, met = [], []
learn, meet, batch = _course.Course.run, _course.World.average, _sets.DealtPhotos.batch


def flat(tensors):
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])


def spy_on_batch(self, positions, epoch):
    made = batch(self, positions, epoch)
    if self.augment and not first_photos:
        first_photos.append(made[1].numpy())
    return made


def spy_on_meeting(self, tensors):
    tensors = list(tensors)
    before = flat(tensors)
    meet(self, tensors)
    met.append((before, flat(tensors)))


def run(self, save, report):
    learn(self, save, report)
    state = self.trainer.network.state_dict()
    values = {"network": flat([state[name].double() for name in sorted(state)])}
    values |= {"average": flat(self.trainer.average), "photo": first_photos[0]}
    values |= {"before": [b for b, _ in met], "after": [a for _, a in met]}
    np.savez(os.path.join(folder, f"rank-{rank}.npz"), **values)


_course.Course.run, _course.World.average, _sets.DealtPhotos.batch = run, spy_on_meeting, spy_on_batch
sys.exit(recipe.main(sys.argv[2:]))
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(8):
        small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        small.resize((130, 120), Image.Resampling.BICUBIC).save(tmp_path / f"photos/{i}.png")
    (tmp_path / "run.py").write_text(SCRIPT)
    return tmp_path


def test_processes_learn_apart_and_meet_after_each_round(folder, init):
    (folder / "out").mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [folder / "run.py", folder, folder / "photos", "-o", folder / "out" / "made.npz"]
    command += ["--init", init, "--encoder", "squeezenet1_1", "--image-size", 32]
    command += ["--n-photos", 32, "--batch-size", 4, "--n-jobs", 1, "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]

    with np.load(folder / "rank-0.npz") as one, np.load(folder / "rank-1.npz") as other:
        assert not np.array_equal(one["photo"], other["photo"])  # each is dealt photos of its own
        assert len(one["after"]) == 2  # 32 photos: two rounds of 8 in each of two processes
        for mine, theirs, mean in zip(one["before"], other["before"], one["after"], strict=True):
            assert np.abs(mine - theirs).max() > 1e-4
            np.testing.assert_allclose(mean, (mine + theirs) / 2, rtol=1e-5, atol=1e-7)
        for name in ("after", "network", "average"):
            np.testing.assert_array_equal(one[name], other[name])

    assert sorted(path.name for path in (folder / "out").iterdir() if path.suffix != ".lock") == [
        "made.md", "made.npz",
    ]  # fmt: skip
    assert done.stdout.count("round 2/2") == done.stdout.count("written: ") == 1
    assert Colorizer.from_pretrained(folder / "out" / "made.npz").encoder == "squeezenet1_1"
