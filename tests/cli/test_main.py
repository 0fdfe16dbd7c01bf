"""The command line as a whole: help that teaches, exit codes, settings made before PyTorch loads."""

import os
import subprocess
import sys

import pytest

import skcolorize
from skcolorize.cli import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_examples(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert f"\n  skcolorize {command}" in printed or f"example: skcolorize {command}" in printed
    assert max(map(len, printed.splitlines())) <= 110


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"skcolorize {skcolorize.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["colour"],
        ["colorize"],
        ["colorize", "a.jpg"],
        ["demo", "--nonsense"],
        ["train", "x", "-o", "m.npz", "--set", "5"],
    ],
)
def test_wrong_usage_is_2(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_ctrl_c_is_130(monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("skcolorize._batch.colorize_files", interrupted)
    assert main(["colorize", "a.jpg", "-o", "out"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_want_of_memory_is_told_without_a_traceback(monkeypatch, capsys):
    def starved(*args, **kwargs):
        raise MemoryError("cuda has too little memory for a step of 16 photos: lower batch_size")

    monkeypatch.setattr("skcolorize._batch.colorize_files", starved)
    assert main(["colorize", "a.jpg", "-o", "out"]) == 2
    assert capsys.readouterr().err.endswith("lower batch_size\n")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    command = f"{sys.executable} -m skcolorize info | true; exit ${{PIPESTATUS[0]}}"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (1, "")


def test_a_bucket_without_credentials_is_wrong_usage(s3_server):
    known = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobody = {"AWS_ENDPOINT_URL": s3_server["AWS_ENDPOINT_URL"], "AWS_EC2_METADATA_DISABLED": "true"}
    code = "from skcolorize.cli import main\n"
    code += "assert main(['colorize', 's3://nobodys/album', '-o', 'out']) == 2\n"
    code += "assert main(['info', '--model', 's3://nobodys/model.npz']) == 2\n"
    command = [sys.executable, "-c", code]  # a process of its own: s3fs remembers credentials
    run = subprocess.run(command, capture_output=True, text=True, env=known | nobody)
    assert run.returncode == 0, run.stderr
    first, second = run.stderr.splitlines()
    assert "credentials" in first and "'s3://nobodys/album'" in first
    assert "credentials" in second and "'s3://nobodys/model.npz'" in second


def test_as_a_module_it_quietens_openmp_and_loads_no_pytorch_for_help():
    code = (
        "import os, runpy, sys\n"
        "sys.argv = ['skcolorize', 'colorize', '--help']\n"
        "try: runpy.run_module('skcolorize', run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "loaded = {'torch', 'sklearn', 'skimage', 'torchvision', 'rich', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "from skcolorize.cli import main\n"
        "os.environ.pop('OMP_WAIT_POLICY', None)\n"
        "assert main(['colorize', 'none*.jpg', '-o', 'out']) == 2\n"
        "assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'\n"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "no photo matches 'none*.jpg'" in run.stderr
