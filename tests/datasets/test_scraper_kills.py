"""Stopped at any moment by a kill, by Ctrl-C or by a full disk, and called again: nothing torn or twice."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import pytest
from fault_server import answer, late
from scraping import (
    WORKERS,
    assert_consistent,
    kill_and_resume,
    picture,
    scrape_in_process,
    table_of,
    wait_for,
)

from skcolorize.datasets import _campaign, _manifest
from skcolorize.datasets._output import Output


@pytest.fixture(autouse=True)
def interrupts():
    """A shell that starts the tests in the background leaves Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("n_kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9(server, tmp_path, n_kills):
    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.01)) for i in range(20 * n_kills)]
    kill_and_resume(server, urls, n_kills, 17, str(tmp_path / "photos"))
    assert_consistent(tmp_path / "photos")


@pytest.mark.slow
def test_kill_9_with_processes_leaves_no_second_writer(server, make, tmp_path):
    """The workers of a killed scraper notice and stop by themselves."""
    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.05)) for i in range(600)]
    process = scrape_in_process(urls, output=str(tmp_path / "photos"), n_jobs=2, max_per_host=4)
    wait_for(lambda: server.asked() >= 20, "a request")
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    time.sleep(3)
    asked = server.asked()
    time.sleep(2)
    assert server.asked() == asked < 600
    make().fetch(urls)
    assert_consistent(tmp_path / "photos")


class Killed(BaseException):
    """Stands for a kill between two steps."""


def test_a_kill_at_any_step_of_the_end(server, make, tmp_path, monkeypatch):
    """Photos, duplicates, tables, journals: whichever step is the last, the next call completes them."""
    urls = [server.add(f"/{i}.jpg", answer(picture(i % 4))) for i in range(8)]
    steps_left, ending = 0, []

    def finish(*told):
        ending.append(True)
        _manifest.finish(*told)

    def step(function):
        def counted(*args, **kwargs):
            nonlocal steps_left
            steps_left -= 1
            if steps_left == 0:
                raise Killed
            return function(*args, **kwargs)

        return counted

    for n in range(1, 40):
        output = tmp_path / str(n)
        with monkeypatch.context() as patched:
            steps_left = n
            patched.setattr(Output, "write", step(Output.write))
            patched.setattr(os, "unlink", step(os.unlink))
            patched.setattr(os, "replace", step(os.replace))
            patched.setattr(Path, "unlink", step(Path.unlink))
            ending.clear()
            patched.setattr(_campaign, "finish", finish)
            try:
                make(output).fetch(urls)
                ended = True
            except BaseException as error:
                assert isinstance(error, (Killed, OSError)) or "Killed" in repr(error)
                ended = False
        n_asked = server.asked()
        make(output).fetch(urls)
        assert_consistent(output)
        assert server.asked() == n_asked or not ending  # all had been fetched
        if ended and steps_left > 0:
            break
    assert 12 < n < 39


def test_half_a_line_is_no_record(server, make, tmp_path):
    urls = [server.add(f"/{i}.jpg", answer(picture(i))) for i in range(3)]
    make().fetch(urls[:2])
    corner = tmp_path / "photos" / ".skcolorize"
    (corner / "00-killed.jsonl").write_bytes(b'{"id": "x", "url": "http://a/", "sta')
    (tmp_path / "photos" / ".skcolorize-0123.part").write_bytes(b"half")
    make().fetch(urls)
    assert {row["url"] for row in table_of(tmp_path / "photos").values()} == set(urls)
    assert_consistent(tmp_path / "photos")


def test_the_journal_is_synced_each_second(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(descriptor))
    journal = _manifest.Journal(Output(tmp_path))
    journal.sync()
    assert not synced
    journal.add(_manifest.Record("a"))
    journal.sync()
    journal.sync()
    journal.close()
    assert len(synced) == 1 and _manifest.load_records(Output(tmp_path))["a"].id == "a"


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_starts_no_further_request(server, make, tmp_path, n_jobs):
    async def interrupt(writer):
        os.kill(os.getpid(), signal.SIGINT)
        writer.write(answer(picture(999)))

    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.02)) for i in range(200)]
    server.add("/60.jpg", interrupt, answer(picture(60)))
    with joblib.parallel_config("threading"):
        bunch = make(max_per_host=4, n_jobs=n_jobs).fetch(urls)
    asked = server.asked()
    assert set(bunch.counts) == {"ok", "cancelled"} and asked < 80
    time.sleep(0.2)
    assert server.asked() == asked
    assert_consistent(tmp_path / "photos")
    assert make().fetch(urls).counts == {"ok": 200}
    assert server.asked() <= 200 + 2 * 4 + 1
    assert_consistent(tmp_path / "photos")


def test_ctrl_c_leaves_transform_by_an_interrupt(server, make, tmp_path):
    async def interrupt(writer):  # the signal may reach any thread of the process
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        writer.write(answer(picture()))

    urls = [server.add("/a.jpg", interrupt), server.add("/b.jpg", late(answer(picture(1)), 5))]
    with pytest.raises(KeyboardInterrupt):  # a pipeline must not go on to fit what there is
        make().transform(urls)
    assert [row["status"] for row in table_of(tmp_path / "photos").values()][1] == "cancelled"


@pytest.mark.slow
def test_ctrl_c_with_processes(server, tmp_path):
    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.05)) for i in range(400)]
    process = scrape_in_process(urls, output=str(tmp_path / "photos"), n_jobs=2, max_per_host=4)
    wait_for(lambda: server.asked() >= 10, "a request")
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert b'"cancelled"' in told, errors.decode()
    asked = server.asked()
    time.sleep(0.5)
    assert server.asked() == asked < 400
    assert_consistent(tmp_path / "photos")


def test_a_full_disk_is_one_error_at_once(server, make, tmp_path, monkeypatch):
    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.005)) for i in range(300)]
    whole, n_written = Output.write, 0

    def write(self, name, content):
        nonlocal n_written
        n_written += 1
        if n_written > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(self, name, content)

    with monkeypatch.context() as full:
        full.setattr(Output, "write", write)
        with pytest.raises(OSError, match=r"photos' can't be written.*the same call resumes") as caught:
            make().fetch(urls)
    assert caught.value.errno == errno.ENOSPC and server.asked() < 60
    assert make().fetch(urls).counts == {"ok": 300}
    assert server.asked() <= 300 + 2 * WORKERS + 1
    assert_consistent(tmp_path / "photos")


@pytest.mark.slow
def test_a_really_full_disk(server, make, tmp_path):
    """A limit on the size of files stands for the disk: the journal, not the photos, outgrows it."""
    resource = pytest.importorskip("resource")
    urls = [server.add(f"/{i}.jpg", answer(picture(i))) for i in range(100)]

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))

    script = f"""
from skcolorize.datasets import ImageScraper
try:
    ImageScraper({str(tmp_path / "photos")!r}, allow_private=True).fetch({urls!r})
except OSError as error:
    print("stopped:", error)
"""
    done = subprocess.run([sys.executable, "-c", script], preexec_fn=limit, capture_output=True, timeout=120)
    assert b"stopped:" in done.stdout and b"can't be written" in done.stdout, done.stderr.decode()
    assert make().fetch(urls).counts == {"ok": 100}
    assert_consistent(tmp_path / "photos")


def test_an_output_that_cannot_be_made_is_found_first(server, make, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        make(tmp_path / "file" / "photos").fetch([server.add("/a.jpg", answer(picture()))])
    assert not server.requests


def test_the_lock_dies_with_its_process(server, make, tmp_path):
    urls = [server.add(f"/{i}.jpg", late(answer(picture(i)), 0.1)) for i in range(50)]
    process = scrape_in_process(urls, output=str(tmp_path / "photos"))
    wait_for(lambda: server.asked() >= 1, "a request")
    with pytest.raises(RuntimeError, match="another scraper"):
        make().fetch(urls)
    process.kill()
    process.communicate()
    assert make().fetch(urls).counts == {"ok": 50}
