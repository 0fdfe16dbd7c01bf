"""``skcolorize colorize``: options, exit codes, what is printed."""

import pytest
from PIL import Image

from skcolorize.cli import main


def test_all_done_is_0(photos, model, tmp_path, capsys):
    out = tmp_path / "out"
    options = [
        "--format",
        "jpg",
        "--quality",
        "80",
        "--vividness",
        "0.5",
        "--image-size",
        "64",
        "--alternatives",
        "1",
    ]
    assert main(["colorize", str(photos), "-o", str(out), "--model", model, *options]) == 0
    assert capsys.readouterr().out == f"2 done, 0 skipped, 0 failed: {out}\n"
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.jpg"))
    assert found == ["a-1.jpg", "a.jpg", "deeper/b & <c>-1.jpg", "deeper/b & <c>.jpg"]


def test_some_failed_is_1_and_they_are_named(photos, model, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes(b"no photo")
    assert main(["colorize", str(photos), "-o", str(tmp_path / "out"), "--model", model]) == 1
    printed = capsys.readouterr()
    assert "2 done, 0 skipped, 1 failed" in printed.out
    assert "broken.jpg" in printed.err.splitlines()[-1]


def test_what_a_format_cannot_hold_is_named_by_its_source(photos, model, tmp_path, capsys):
    Image.new("L", (66_000, 1)).save(photos / "long.png")
    command = ["colorize", str(photos), "-o", str(tmp_path / "out"), "--model", model, "--format", "jpg"]
    assert main(command) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"failed: {photos / 'long.png'}: ") and "JPEG at most 65500 a side" in last


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{photos}", "-o", "{photos}"], "is the folder of the sources"),
        (["{photos}/none*", "-o", "{photos}/out"], "no photo matches"),
        (["{photos}", "-o", "{photos}/out", "--model", "no-such.npz"], "no-such.npz"),
        (["{photos}", "-o", "{photos}/out", "--vividness", "-1"], "'vividness'"),
        (["{photos}", "-o", "{photos}/out", "--format", "gif"], "'format'"),
        (["{photos}/a.png", "-o", "{photos}/b.gif"], "can't be written as .gif, but as .jpg"),
        (["{photos}/a.png", "-o", "{photos}/b.heic"], "can't be written as .heic"),
    ],
)
def test_wrong_usage_is_2_and_nothing_is_done(photos, arguments, message, capsys):
    before = sorted(photos.rglob("*"))
    assert main(["colorize", *(argument.format(photos=photos) for argument in arguments)]) == 2
    assert message in capsys.readouterr().err
    assert sorted(photos.rglob("*")) == before


def test_existing_outputs(photos, model, tmp_path, capsys):
    command = ["colorize", str(photos), "-o", str(tmp_path / "out"), "--model", model]
    assert main(command) == 0
    assert main(command) == 2
    assert "there already" in (told := capsys.readouterr().err) and "--skip-existing" in told
    Image.new("L", (9, 9)).save(photos / "new.png")
    assert main([*command, "--skip-existing"]) == 0
    assert "1 done, 2 skipped" in capsys.readouterr().out
    assert main([*command, "--overwrite", "--jobs", "1"]) == 0
    assert "3 done, 0 skipped" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*command, "--overwrite", "--skip-existing"])


@pytest.mark.slow
def test_a_thousand_photos_three_of_them_broken(model, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for i in range(1000):
        Image.linear_gradient("L").resize((48, 32)).rotate(i).save(tmp_path / f"in/{i:03}.jpg")
    for i in (5, 500, 999):
        (tmp_path / f"in/{i:03}.jpg").write_bytes(b"broken")
    command = ["colorize", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", model, "--jobs", "2"]
    assert main(command) == 1
    printed = capsys.readouterr()
    assert "997 done, 0 skipped, 3 failed" in printed.out
    assert all(f"{i:03}.jpg" in printed.err for i in (5, 500, 999))
    assert main([*command, "--skip-existing"]) == 1
    assert "0 done, 997 skipped, 3 failed" in capsys.readouterr().out
