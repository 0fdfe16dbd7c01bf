"""Memory of whole photos and of streams of them, each in a process of its own: peaks are for good.

Over the imports, in megabytes: what is there before is PyTorch's, and the network's own first pass.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import skcolorize

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the process's own memory from /proc")

BEGIN = """
    import sys
    import numpy as np
    import torch
    from skcolorize import Colorizer, colorize_files
    from skcolorize.cli import main

    torch.set_num_threads(1)

    def memory(kind):
        return int(next(l for l in open("/proc/self/status") if l.startswith(kind)).split()[1]) / 1000

    colorizer = Colorizer.from_pretrained()
    colorizer.predict(np.zeros((300, 400), np.uint8))
    before = memory("VmRSS")
"""


def run(script, *arguments):
    """What a script prints, as floats."""
    environment = {**os.environ, "PYTHONPATH": str(Path(skcolorize.__file__).parents[1])}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split("\n") if word]


def gray_jpeg(path, width, height):
    photo = Image.fromarray(data.astronaut()).convert("L").resize((width, height))
    photo.save(path, quality=92)
    return path


@pytest.mark.parametrize(("megapixels", "limit"), [(12, 150), pytest.param(100, 600, marks=pytest.mark.slow)])
def test_a_file_to_a_file(tmp_path, megapixels, limit):
    """The photo takes a byte a pixel and the picture four; beside them there are a few strips."""
    width = round((megapixels * 4e6 / 3) ** 0.5)
    photo = gray_jpeg(tmp_path / "in.jpg", width, width * 3 // 4)
    script = """
        colorize_files(sys.argv[1], sys.argv[2], model=colorizer)
        print(memory("VmHWM") - before)
    """
    (peak,) = run(script, photo, tmp_path / "out.jpg")
    print(f"\n{megapixels} megapixels, file to file: {peak:.0f} MB over the imports")
    assert 4 * megapixels < peak < limit


@pytest.mark.parametrize("n_photos", [40, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ["predict_iter", "command line"])
def test_a_stream_of_photos_takes_the_memory_of_a_few(tmp_path, n_photos, how):
    """From the tenth photo on memory does not grow: by a tenth of what the pictures would take, if kept."""
    photo = gray_jpeg(tmp_path / "0.jpg", 1154, 866)
    (tmp_path / "in").mkdir()
    for i in range(n_photos):
        os.link(photo, tmp_path / f"in/{i}.jpg")
    by_iteration = """
        paths = [f"{sys.argv[1]}/in/{i}.jpg" for i in range(int(sys.argv[2]))]
        for i, picture in enumerate(colorizer.predict_iter(paths)):
            assert picture.shape == (866, 1154, 3)
            if i == 9:
                early = memory("VmHWM")
        print(memory("VmHWM") - early)
    """
    by_command = """
        import contextlib, io
        from pathlib import Path

        def colored(names, output):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                assert main(["colorize", *names, "-o", output]) == 0

        folder = Path(sys.argv[1])
        colored([str(folder / f"in/{i}.jpg") for i in range(10)], str(folder / "early"))
        early = memory("VmHWM")
        colored([str(folder / "in")], str(folder / "out"))
        assert len(list((folder / "out").glob("*.jpg"))) == int(sys.argv[2])
        print(memory("VmHWM") - early)
    """
    (growth,) = run(by_iteration if how == "predict_iter" else by_command, tmp_path, n_photos)
    print(f"\n{n_photos} photos of a megapixel by {how}: grown by {growth:.1f} MB after the tenth")
    assert growth < min(3.0 * n_photos / 10, 30)
