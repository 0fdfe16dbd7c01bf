"""Memory of whole photos and of streams of them, each in a process of its own: peaks are for good.

Over the imports, in megabytes: what is there before is PyTorch's, and the network's own first pass. On Linux
only: a process's own memory is read from /proc.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from PIL import Image
from skimage import data

import skcolorize

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

FILE_TO_FILE = """
    colorize_files(sys.argv[1], sys.argv[2], model=colorizer)
    print(memory("VmHWM") - before)
"""

BY_ITERATION = """
    paths = [f"{sys.argv[1]}/in/{i}.jpg" for i in range(int(sys.argv[2]))]
    for i, picture in enumerate(colorizer.predict_iter(paths)):
        assert picture.shape == (866, 1154, 3)
        if i == 9:
            early = memory("VmHWM")
    print(memory("VmHWM") - early)
"""

BY_COMMAND = """
    import contextlib, io
    from pathlib import Path

    def colored(names, output):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main(["colorize", *names, "-o", output]) == 0

    folder = Path(sys.argv[1])
    for i in range(2):  # the second model comes while the first waits to be collected
        colored([str(folder / f"in/{i}.jpg") for i in range(10)], str(folder / f"early{i}"))
    early = memory("VmHWM")
    colored([str(folder / "in")], str(folder / "out"))
    assert len(list((folder / "out").glob("*.jpg"))) == int(sys.argv[2])
    print(memory("VmHWM") - early)
"""


def run(script, *arguments) -> float:
    """The number that a script prints after `BEGIN`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(skcolorize.__file__).parents[1])}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def gray_jpeg(path, width, height):
    """A gray photo of that size, written to a file."""
    photo = Image.fromarray(data.astronaut()).convert("L").resize((width, height))
    photo.save(path, quality=92)
    return path


def peak_of_a_file(folder, megapixels) -> float:
    """Memory that a photo takes on its way from a JPEG to a JPEG."""
    width = round((megapixels * 4e6 / 3) ** 0.5)
    photo = gray_jpeg(folder / "in.jpg", width, width * 3 // 4)
    return run(FILE_TO_FILE, photo, folder / "out.jpg")


def growth_of_a_stream(folder, n_photos, how) -> float:
    """Memory that photos of a megapixel take beyond what the first ten of them took.

    `how` is "predict_iter" or "command line".
    """
    photo = gray_jpeg(folder / "0.jpg", 1154, 866)
    (folder / "in").mkdir()
    for i in range(n_photos):
        os.link(photo, folder / f"in/{i}.jpg")
    return run(BY_ITERATION if how == "predict_iter" else BY_COMMAND, folder, n_photos)
