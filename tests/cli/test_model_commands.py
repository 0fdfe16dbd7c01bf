"""``train``, ``evaluate``, ``info``: models made, measured, told about."""

import argparse

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from photo_files import scene
from PIL import Image

from skcolorize import Colorizer
from skcolorize._batch import load_model
from skcolorize.cli import main
from skcolorize.cli.train import setting

SMALL = ["encoder=squeezenet1_1", "weights=None", "image_size=32", "max_iter=2", "random_state=0"]


@pytest.fixture
def colors(tmp_path):
    """Three colour photos in a folder."""
    (tmp_path / "colors").mkdir()
    for i in range(3):
        Image.fromarray(np.roll(scene(), i, axis=2)).save(tmp_path / f"colors/{i}.png")
    return tmp_path / "colors"


def train(*arguments) -> int:
    return main(["train", *map(str, arguments), *(part for value in SMALL for part in ("--set", value))])


@pytest.mark.parametrize("suffix", ["npz", "joblib"])
def test_train_writes_a_model_that_colors(colors, tmp_path, suffix, capsys):
    path = tmp_path / f"mine.{suffix}"
    assert train(colors, "-o", path) == 0
    assert f"fitted on 3 photos: {path}" in capsys.readouterr().out
    fitted = Colorizer.from_pretrained(path) if suffix == "npz" else joblib.load(path)
    expected = Colorizer("squeezenet1_1", weights=None, image_size=32, max_iter=2, random_state=0)
    expected.fit([colors / f"{i}.png" for i in range(3)])
    assert_array_equal(fitted.predict(scene()), expected.predict(scene()))
    assert not hasattr(fitted, "_skl_callbacks")
    assert main(["colorize", str(colors / "0.png"), "-o", str(tmp_path / "a.png"), "--model", str(path)]) == 0


@pytest.mark.parametrize("suffix", ["npz", "joblib"])
def test_a_model_in_a_bucket_goes_through_every_command(colors, tmp_path, new_bucket, suffix, capsys):
    address = f"{new_bucket}/models/mine.{suffix}"
    assert train(colors, "-o", address) == 0
    out = tmp_path / "out"
    assert main(["colorize", str(colors), "-o", str(out), "--model", address]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["0.png", "1.png", "2.png", "manifest.csv"]
    assert main(["evaluate", str(colors), "--model", address]) == 0
    assert main(["info", "--model", address]) == 0
    assert f"model: {address}: Colorizer" in capsys.readouterr().out
    assert main(["info", "--model", f"{new_bucket}/nothing.{suffix}"]) == 2
    assert f"No such file or directory: '{new_bucket}/nothing.{suffix}'" in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_train_leaves_gray_photos_out_and_says_so(colors, tmp_path, capsys):
    Image.linear_gradient("L").save(colors / "gray.png")
    assert train(colors, "-o", tmp_path / "m.npz", "--checkpoint", tmp_path / "state") == 1
    told = [line for line in capsys.readouterr().err.splitlines() if "skipped" in line]
    assert len(told) == 1 and told[0].startswith("skcolorize train: warning: fit skipped 1 of 4 photos: ")
    assert (tmp_path / "m.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "m.pt"], "must end in .npz or .joblib"),
        (["-o", "no/folder/m.npz"], "is not a folder"),
        (["-o", "made.npz"], "'made.npz' is a folder"),
        (["-o", "m.npz", "--set", "max_itre=3"], "max_itre"),
        (["-o", "m.npz", "--set", "max_iter=0"], "'max_iter' parameter of Colorizer must be an int"),
        (["-o", "m.npz", "--set", "loss=mse"], "'loss' parameter of Colorizer"),
    ],
)
def test_train_refuses_before_it_learns(colors, arguments, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.npz").mkdir()
    assert main(["train", str(colors), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["npz", "joblib"])
def test_a_model_that_cannot_be_written_is_kept_elsewhere(colors, suffix, capsys, tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")

    def is_full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "pipe_file", is_full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert train(colors, "-o", f"memory://models/m.{suffix}") == 2
    told = capsys.readouterr().err
    kept = next(tmp_path.glob(f"skcolorize-*/model.{suffix}"))
    assert "No space left" in told and repr(str(kept)) in told
    assert load_model(kept).predict(scene()).shape == scene().shape


def test_settings():
    assert setting("max_iter=50") == ("max_iter", 50)
    assert setting("image_size=(64, 96)") == ("image_size", (64, 96))
    assert setting("weights=None") == ("weights", None)
    assert setting("encoder=resnet18") == ("encoder", "resnet18")
    assert setting("weights=a=b.npz") == ("weights", "a=b.npz")
    with pytest.raises(argparse.ArgumentTypeError, match="name=value"):
        setting("max_iter")


def test_evaluate_prints_the_gray_floor_first_and_leaves_out_what_it_must(colors, model, capsys):
    assert main(["evaluate", str(colors), "--model", model]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 photos, squash256")
    assert lines[2].startswith("gray ")
    assert any(line.startswith("as predicted") for line in lines)
    Image.linear_gradient("L").save(colors / "gray.png")
    (colors / "broken.png").write_bytes(b"")
    assert main(["evaluate", str(colors), "--model", model]) == 1
    told = capsys.readouterr().err
    assert "gray.png' is gray" in told
    assert "broken.png" in told


def test_nothing_to_evaluate(tmp_path, capsys):
    Image.linear_gradient("L").save(tmp_path / "gray.png")
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "no photo is left" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 half of one"])
@pytest.mark.parametrize("suffix", ["npz", "joblib", "txt"])
def test_a_file_that_is_no_model(tmp_path, content, suffix, capsys):
    (tmp_path / f"strange.{suffix}").write_bytes(content)
    assert main(["info", "--model", str(tmp_path / f"strange.{suffix}")]) == 2
    assert f"strange.{suffix}" in capsys.readouterr().err


def test_info(model, capsys):
    assert main(["info", "--model", model]) == 0
    printed = capsys.readouterr().out
    assert f"model: {model}: Colorizer" in printed
    assert "network: squeezenet1_1, decoder unet, " in printed
    assert "(small.npz weights " in printed
    assert "\nscikit-learn: " in printed
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Code BSD-3-Clause; weights trained on photo sets offered for research")
    assert "embedded weights" in printed
