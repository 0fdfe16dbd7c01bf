"""Photos straight to a bucket: by the real protocol of S3, and to fsspec's memory."""

import hashlib
import io
import json
import os
import sys
import uuid

import pytest
from fault_server import answer, late
from PIL import Image
from scraping import kill_and_resume, picture
from sklearn.pipeline import make_pipeline
from small import small

from skcolorize import Colorizer
from skcolorize.datasets import image_paths
from skcolorize.datasets._manifest import PARTS, Journal, Record, load_records
from skcolorize.datasets._output import Output
from skcolorize.images import read_photo


@pytest.fixture
def bucket(new_bucket, tmp_path, monkeypatch):
    """A place in a new bucket; journals go to the test's folder."""
    monkeypatch.setenv("SKCOLORIZE_DATA", str(tmp_path / "data"))
    return f"{new_bucket}/photos"


@pytest.fixture
def anywhere(request, tmp_path, monkeypatch):
    if request.param == "s3":
        return request.getfixturevalue("bucket")
    monkeypatch.setenv("SKCOLORIZE_DATA", str(tmp_path / "data"))
    return f"memory://{uuid.uuid4().hex}"


def assert_consistent_bucket(address):
    output = Output(address)
    rows = load_records(output)
    kept = {row.path: row for row in rows.values() if row.status in {"ok", "gray"}}
    assert set(output.sizes()) == {*kept, "manifest.csv", "ATTRIBUTION.txt"}
    for name, row in kept.items():
        assert hashlib.sha256(output.read(name)).hexdigest() == row.sha256
    assert not output.sizes(PARTS)
    assert not [name for name in os.listdir(output.corner) if name.endswith(".jsonl")]


both = pytest.mark.parametrize("anywhere", ["s3", "memory"], indirect=True)


@both
def test_write_resume_and_read_back(server, make, anywhere):
    urls = [server.add(f"/{i}.jpg", answer(picture(i % 10))) for i in range(12)]
    make(anywhere).fetch(urls[:6])
    bunch = make(anywhere).fetch(urls)
    assert bunch.counts == {"ok": 10, "duplicate_content": 2}
    assert server.asked() == 12, [r.path for r in server.requests]
    assert all(path.startswith(anywhere) for path in bunch.paths)
    assert_consistent_bucket(anywhere)
    assert read_photo(bunch.paths[3]).pixels.shape == (60, 80, 3)
    found = image_paths(anywhere)
    assert sorted(found) == sorted(set(bunch.paths))
    assert make(anywhere).fetch(urls).manifest == bunch.manifest and server.asked() == 12


def test_a_whole_project_in_a_bucket(server, make, bucket):
    """From addresses to weights, and nothing on this disk but the journal's folder."""
    gray = io.BytesIO()
    Image.new("RGB", (80, 60), "gray").save(gray, "JPEG")
    urls = [server.add(f"/{i}.jpg", answer(picture(i))) for i in range(4)]
    urls += [server.add("/gray.jpg", answer(gray.getvalue())), server.url("/gone.jpg")]
    pipeline = make_pipeline(make(bucket), small())
    with pytest.warns(UserWarning, match="(?s)2 .*is gray.*is missing") as warned:
        pipeline.fit(urls)
    assert len(warned) == 1
    pipeline[-1].save_weights(f"{bucket}/network.npz")
    loaded = Colorizer.from_pretrained(f"{bucket}/network.npz")
    assert (loaded.predict(picture(9)) == pipeline[-1].predict(picture(9))).all()


@both
def test_another_machine_resumes_from_the_parts(server, make, anywhere, tmp_path, monkeypatch):
    urls = [server.add(f"/{i}.jpg", answer(picture(i))) for i in range(6)]
    output = Output(anywhere)
    make(anywhere).fetch(urls[:3])
    known = load_records(output)
    output.delete(["manifest.csv"])
    journal = Journal(output)  # a scraper that was killed after its first part
    for record in known.values():
        journal.add(record)
    journal.sync(everything=True)
    journal.close()
    assert [name[-12:] for name in output.sizes(PARTS)] == ["000000.jsonl"]
    monkeypatch.setenv("SKCOLORIZE_DATA", str(tmp_path / "elsewhere"))
    assert make(anywhere).fetch(urls).counts == {"ok": 6} and server.asked() == 6
    assert_consistent_bucket(anywhere)


def test_parts_are_numbered_and_never_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("SKCOLORIZE_DATA", str(tmp_path))
    monkeypatch.setattr("skcolorize.datasets._manifest.PART_SECONDS", 0)
    output = Output(f"memory://{uuid.uuid4().hex}")
    journal, seen = Journal(output), {}
    for name in "abc":
        journal.add(Record(name))
        journal.sync()
        now = {part: output.read(f"{PARTS}/{part}") for part in output.sizes(PARTS)}
        assert seen.items() < now.items()
        seen = now
    journal.close()
    assert [json.loads(content)["id"] for _, content in sorted(seen.items())] == list("abc")


def test_storage_options_are_handed_on(server, make, s3, bucket, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    options = {"key": "a", "secret": "b", "endpoint_url": s3["AWS_ENDPOINT_URL"]}
    bunch = make(bucket, storage_options=options).fetch([server.add("/a.jpg", answer(picture()))])
    assert bunch.counts == {"ok": 1} and Output(bucket, options).read(bunch.manifest[0]["path"]) == picture()


def test_objects_are_private(server, make, bucket):
    import s3fs

    (path,) = make(bucket).transform([server.add("/a.jpg", answer(picture()))])
    bucket_name, key = path.removeprefix("s3://").split("/", 1)
    acl = s3fs.S3FileSystem(skip_instance_cache=True).call_s3("get_object_acl", Bucket=bucket_name, Key=key)
    assert {grant["Grantee"]["Type"] for grant in acl["Grants"]} == {"CanonicalUser"}  # its owner


def test_a_bucket_that_refuses_is_found_before_the_first_download(server, make, bucket):
    missing = bucket.replace("bucket-", "no-such-bucket-")
    with pytest.raises(OSError, match=r"no-such-bucket-.*can't be written"):
        make(missing).fetch([server.add("/a.jpg", answer(picture()))])
    assert not server.requests


def test_one_writer_per_bucket(server, make, bucket):
    with Output(bucket).alone(), pytest.raises(RuntimeError, match="another scraper"):
        make(bucket).fetch([server.add("/a.jpg", answer(picture()))])


@pytest.mark.parametrize("n_kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9(server, bucket, n_kills):
    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.01)) for i in range(20 * n_kills)]
    kill_and_resume(server, urls, n_kills, 18, bucket)
    assert_consistent_bucket(bucket)


def test_remote_without_fsspec_says_what_to_install(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ImportError, match=r"skcolorize\[remote\]"):
        make("s3://bucket/photos").fetch(["http://127.0.0.1:9/a.jpg"])
