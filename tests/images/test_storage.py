"""Files are written whole or not at all, locks die with their process, addresses go through fsspec."""

import errno
import os
import pathlib
import stat
import subprocess
import sys
import threading
import time

import pytest

from skcolorize.images import read_photo, storage


@pytest.fixture
def bucket():
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.mkdir("/bucket")
    yield "memory://bucket"
    files.rm("/bucket", recursive=True)


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path):
    return str(tmp_path) if request.param == "local" else request.getfixturevalue("bucket")


def read(path):
    with storage.open_file(path) as file:
        return file.read()


def test_what_is_remote():
    assert storage.is_remote("s3://bucket/a.jpg") and storage.is_remote("https://host/a.jpg")
    for local in ("a.jpg", "C:/a.jpg", "C:\\a.jpg", pathlib.Path("a.jpg"), b"s3://bucket", "/a://b"):
        assert not storage.is_remote(local)


def test_path_of_an_address_has_lost_a_slash():
    with pytest.raises(ValueError, match=r"lost a slash.*give a str"):
        storage.open_file(pathlib.Path("s3://bucket/a.jpg"))
    assert storage.path_text(pathlib.Path("C:/a.jpg")) == os.path.join("C:", "a.jpg")


def test_write_read_list(folder):
    assert not storage.exists(f"{folder}/deep/b.JPG")
    storage.make_folder(f"{folder}/deep")
    for name in ("c.jpg", "deep/b.JPG", "deep/a.png", ".hidden.jpg", "deep/.x.jpg"):
        with storage.replace_whole(f"{folder}/{name}") as file:
            file.write(name.encode())
    assert storage.exists(f"{folder}/deep/b.JPG")
    listed = storage.list_files(folder)
    assert [path.removeprefix(folder).lstrip("/") for path in listed] == ["c.jpg", "deep/a.png", "deep/b.JPG"]
    assert [read(path).decode() for path in listed] == ["c.jpg", "deep/a.png", "deep/b.JPG"]
    assert storage.list_files(folder, "*.jpg") == [listed[0], listed[2]]
    assert storage.list_files(folder, "deep/*") == listed[1:]
    assert storage.list_files(f"{folder}/", "c.*") == [f"{folder}/c.jpg"]
    with pytest.raises(NotADirectoryError, match=r"nowhere. is not a folder"):
        storage.list_files(f"{folder}/nowhere")


def test_replaced_whole_or_not_at_all(folder):
    path = f"{folder}/a.txt"
    with storage.replace_whole(path) as file:
        file.write(b"old")
    with pytest.raises(ZeroDivisionError), storage.replace_whole(path) as file:
        file.write(b"half of the new")
        raise ZeroDivisionError
    assert read(path) == b"old"
    with storage.replace_whole(path) as file:
        file.write(b"new")
        assert read(path) == b"old"
        file.seek(0)
        file.write(b"N")
    assert read(path) == b"New"
    assert storage.list_files(folder) == [path]


def test_local_replacement_leaves_nothing_behind_and_keeps_permissions(tmp_path):
    path = tmp_path / "a.txt"
    umask = os.umask(0o022)
    try:
        with storage.replace_whole(path) as file:
            file.write(b"old")
    finally:
        os.umask(umask)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        path.chmod(0o600)
    with pytest.raises(KeyboardInterrupt), storage.replace_whole(path):
        raise KeyboardInterrupt
    with storage.replace_whole(path) as file:
        file.write(b"new")
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a.txt"]


def test_name_of_the_longest_length_can_be_replaced(tmp_path):
    path = tmp_path / ("x" * 251 + ".jpg")
    with storage.replace_whole(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_bytes(b"old")
    link = tmp_path / "a.txt"
    link.symlink_to(tmp_path / "real" / "a.txt")
    with storage.replace_whole(link) as file:
        file.write(b"new")
    assert link.is_symlink() and (tmp_path / "real" / "a.txt").read_bytes() == b"new"


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), storage.replace_whole(tmp_path / "nowhere" / "a.txt"):
        pass


def test_lock_shuts_out_threads(tmp_path):
    inside, peak, counter = 0, 0, threading.Lock()

    def work():
        nonlocal inside, peak
        for _ in range(20):
            with storage.lock(tmp_path / "lock"):
                with counter:
                    inside += 1
                    peak = max(peak, inside)
                os.stat(tmp_path)
                with counter:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert peak == 1
    assert os.name != "posix" or not os.listdir(tmp_path)


def test_lock_without_waiting(tmp_path):
    with storage.lock(tmp_path / "lock"):
        with pytest.raises(BlockingIOError), storage.lock(tmp_path / "lock", wait=False):
            pass
        with storage.lock(tmp_path / "another", wait=False):
            pass
    with storage.lock(tmp_path / "lock", wait=False):
        pass


def test_whoever_waited_for_a_lock_that_was_removed_holds_a_true_one(tmp_path):
    waiting, held, done = threading.Event(), threading.Event(), threading.Event()

    def wait_for_it():
        waiting.set()
        with storage.lock(tmp_path / "lock"):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=wait_for_it)
    with storage.lock(tmp_path / "lock"):
        thread.start()
        waiting.wait(60)
        time.sleep(0.05)  # so that it waits for this file, which is removed now
    assert held.wait(60)
    with pytest.raises(BlockingIOError), storage.lock(tmp_path / "lock", wait=False):
        pass
    done.set()
    thread.join()


HOLD = """
import sys
from skcolorize.images import storage
with storage.lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_shuts_out_processes_and_dies_with_them(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(BlockingIOError), storage.lock(tmp_path / "lock", wait=False):
            pass
        holder.kill()
        holder.wait()
    with storage.lock(tmp_path / "lock", wait=False):
        pass


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path, monkeypatch):
    for name in ("open", "locked", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").touch()
    scan, closed = os.scandir, [".hidden"]

    def scandir(path):  # root may read all folders
        if os.path.basename(path) in closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert len(storage.list_files(tmp_path)) == 2
    closed.append("locked")
    with pytest.raises(PermissionError, match="locked"):
        storage.list_files(tmp_path)


def test_without_fsspec_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    for call in (storage.open_file, storage.exists, storage.list_files, read_photo):
        with pytest.raises(
            ImportError, match=r"'s3://bucket/a.jpg' is remote: pip install 'skcolorize\[remote\]'"
        ):
            call("s3://bucket/a.jpg")
