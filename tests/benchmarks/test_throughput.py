"""The script that prints photos a second runs to its end."""

from benchmarks import throughput


def test_throughput_of_whatever_device_is_there(capsys):
    throughput.main(["--device", "cpu", "--image-size", "32", "--batch-size", "2", "--photos", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cpu (")
    for what in ("training, float32", "training with a frozen encoder", "predictions at 1024 x 1024"):
        assert any(line.startswith(what) and line.endswith("photos/s") for line in lines)
