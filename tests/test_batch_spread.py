"""Bulk jobs spread over threads, processes and a cluster: who colours what, and what becomes of the dead."""

import contextlib
import csv
import os

import joblib
import pytest
from bulk_models import Witness
from PIL import Image

from skcolorize import Colorizer, colorize_files
from skcolorize._batch import _work
from skcolorize._batch._plan import Task
from skcolorize._batch._spread import _shards
from skcolorize.images import read_photo


@pytest.fixture
def many(tmp_path):
    """Twelve photos, the fifth of them broken."""
    (tmp_path / "in").mkdir()
    for i in range(12):
        Image.new("L", (16, 16), i).save(tmp_path / f"in/{i:02}.png")
    (tmp_path / "in/04.png").write_bytes(b"broken")
    return tmp_path / "in"


def witnesses(result) -> set[tuple]:
    """(process, threads) of the workers that coloured the photos of a job."""
    pictures = [read_photo(path).pixels for path in result.paths]
    return {(int.from_bytes(p[1, 0].tobytes(), "little"), int(p[0, 0, 0])) for p in pictures}


@pytest.mark.parametrize(("n_photos", "n_workers"), [(1, 2), (80, 2), (1000, 2), (1000, 64), (30, 1)])
def test_shards_get_smaller_towards_the_end(n_photos, n_workers):
    """Workers end together, each of them has several shards, and few of a long job are small."""
    tasks = [Task(str(i), str(i)) for i in range(n_photos)]
    shards = list(_shards(tasks, n_workers))
    sizes = [len(shard) for shard in shards]
    assert [task for shard in shards for task in shard] == tasks
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1 and sizes[0] <= 16
    assert sizes[0] <= max(1, n_photos / n_workers / 4)
    if n_photos / n_workers > 100:
        assert len(sizes) < n_photos / 10


def test_processes_have_a_thread_each(many, tmp_path):
    import torch

    before = torch.get_num_threads()
    try:
        result = colorize_files(many, tmp_path / "out", model=Witness(torch_threads=3), n_jobs=2)
    finally:
        torch.set_num_threads(before)  # the model is unpacked here too, to check its parameters
    assert result.counts == {"done": 11, "skipped": 0, "failed": 1}
    assert [row["source"] for row in result.manifest] == sorted(map(str, many.iterdir()))
    processes, threads = zip(*witnesses(result), strict=True)
    assert os.getpid() not in processes
    assert set(threads) == {1}


def test_processes_have_the_callers_limit_of_pixels(many, tmp_path, monkeypatch):
    for limit, n_done in ((100, 0), (None, 11)):  # the same processes
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        result = colorize_files(many, tmp_path / "out", model=Witness(), n_jobs=2)
        assert result.counts["done"] == n_done


def test_a_dead_worker_fails_its_photo_alone(many, tmp_path):
    Image.new("L", (16, 16), 255).save(many / "05.png")
    result = colorize_files(many, tmp_path / "out", model=Witness(), n_jobs=2)
    assert result.counts == {"done": 10, "skipped": 0, "failed": 2}
    failed = {os.path.basename(row["source"]): row["error"] for row in result.manifest if row["error"]}
    assert set(failed) == {"04.png", "05.png"}
    assert "worker process died" in failed["05.png"]


def test_threads_share_a_job_and_leave_pytorchs_threads_alone(many, tmp_path):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with joblib.parallel_config("threading", n_jobs=2):
            result = colorize_files(many, tmp_path / "out", model=Witness())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert result.counts == {"done": 11, "skipped": 0, "failed": 1}
    assert witnesses(result) == {(os.getpid(), 1)}


@contextlib.contextmanager
def dask(n_workers=2):
    distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    options = dict(n_workers=n_workers, threads_per_worker=1, dashboard_address=None)
    with (
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield


def test_a_cluster_of_dask(many, tmp_path):
    """The model is unpacked once in each worker, with a thread; a second job does what is left."""
    log = tmp_path / "log"
    with dask():
        result = colorize_files(many, tmp_path / "out", model=Witness(torch_threads=3, log=str(log)))
        assert result.counts == {"done": 11, "skipped": 0, "failed": 1}
        workers = [pid for pid in log.read_text().split() if int(pid) != os.getpid()]
        assert 1 <= len(workers) == len(set(workers)) <= 2
        assert witnesses(result) == {(int(w), 1) for w in workers}
        (tmp_path / "out/03.png").unlink()
        again = colorize_files(many, tmp_path / "out", model=Witness(), existing="skip")
        assert again.counts == {"done": 1, "skipped": 10, "failed": 1}
    with open(tmp_path / "out/manifest.csv", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)].count("done") == 11


@pytest.mark.filterwarnings("default:Sending large graph")
def test_one_photo_on_a_cluster(tmp_path, recwarn):
    """The model travels as bytes, not within Dask's graph."""
    Image.linear_gradient("L").save(tmp_path / "a.png")
    with dask():
        result = colorize_files(tmp_path / "a.png", tmp_path / "b.png", model=Colorizer.from_pretrained())
    assert result.counts == {"done": 1, "skipped": 0, "failed": 0}
    assert not [told for told in recwarn if "large graph" in str(told.message)]


def test_a_dead_worker_of_dask_fails_its_photo_alone(many, tmp_path):
    Image.new("L", (16, 16), 255).save(many / "05.png")
    with dask():
        result = colorize_files(many, tmp_path / "out", model=Witness())
    assert result.counts == {"done": 10, "skipped": 0, "failed": 2}
    failed = {os.path.basename(row["source"]): row["error"] for row in result.manifest if row["error"]}
    assert set(failed) == {"04.png", "05.png"}
    assert "worker process died" in failed["05.png"]


def test_processes_unpack_the_model_once(many, tmp_path):
    log = tmp_path / "log"
    colorize_files(many, tmp_path / "out", model=Witness(log=str(log)), n_jobs=2)
    workers = [pid for pid in log.read_text().split() if int(pid) != os.getpid()]
    assert 1 <= len(workers) == len(set(workers)) <= 2


def test_one_worker_has_the_model_as_it_is(many, tmp_path):
    log = tmp_path / "log"
    result = colorize_files(many, tmp_path / "out", model=Witness(log=str(log)))
    assert {pid for pid, _ in witnesses(result)} == {os.getpid()}
    assert len(log.read_text().split()) == 1  # of the copy that takes the job's parameters


def test_a_single_photo_has_all_threads(tmp_path, monkeypatch):
    """Its strips and its JPEG; the file is the same."""
    given = []

    def write_photo(*args, n_jobs, **kwargs):
        given.append(n_jobs)
        _write_photo(*args, n_jobs=n_jobs, **kwargs)

    _write_photo = _work.write_photo
    monkeypatch.setattr(_work, "write_photo", write_photo)
    Image.linear_gradient("L").resize((1500, 1500)).save(tmp_path / "a.jpg")
    model = Colorizer.from_pretrained()
    for n_jobs in (None, 2):
        colorize_files(tmp_path / "a.jpg", tmp_path / f"{n_jobs}.jpg", model=model, n_jobs=n_jobs)
    assert given == [None, 2]
    assert (tmp_path / "2.jpg").read_bytes() == (tmp_path / "None.jpg").read_bytes()
