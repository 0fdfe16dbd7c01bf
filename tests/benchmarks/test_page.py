"""The performance page is made from reports: every figure a row, later reports win, floors stand beside."""

import json

import pytest
from benchmarks import page


def figure(what, reached, *, beside="the plain way", at_least=None, at_most=None, unit="times as fast"):
    figure = {"what": what, "beside": beside, "reached": reached, "unit": unit}
    return figure | {"at_least": at_least, "at_most": at_most}


def report(tests, torch="2.14.1"):
    cpu = {"brand_raw": "A Processor", "count": 2}
    machine = {"cpu": cpu, "machine": "x86_64", "system": "Linux", "python_version": "3.12.1"}
    machine["packages"] = {"torch": torch, "numpy": "2.4.6"}
    benchmarks = [{"fullname": name, "extra_info": info} for name, info in tests.items()]
    return {"machine_info": machine, "benchmarks": benchmarks}


GROWTH = {"what": "predict, a megapixel", "by": "megapixels", "costs": {"1": 1.25, "12": 1.0, "100": 0.987}}
FIRST = report(
    {
        "tests/benchmarks/test_b.py::test_photo": {
            "figures": [
                figure("a photo", 9.51, beside="its parts: 40 %", at_least=10),
                figure("its array", 8.0),
            ],
        },
        "tests/benchmarks/test_b.py::test_size": {"growth": [GROWTH]},
        "tests/benchmarks/test_a.py::test_share[1]": {
            "figures": [figure("data", 6.25, at_most=5, unit="%"), figure("start", 0.1234, at_most=0.2)]
        },
        "tests/benchmarks/test_a.py::test_told_nothing": {},
    }
)
SECOND = report(
    {
        "tests/benchmarks/test_b.py::test_photo": {
            "figures": [figure("a photo", 12.25, beside="its parts: 41 %", at_least=10)]
        },
        "tests/benchmarks/test_a.py::test_share[2]": {"figures": [figure("data", 4.5, at_most=5, unit="%")]},
    }
)


def rows(text):
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]


def test_rows_stand_with_their_floors_and_the_later_report_wins():
    told = rows(page.page([FIRST, SECOND]))
    assert told[:6] == [
        ["what", "beside", "reached", "floor"],
        ["---"] * 4,
        ["data", "the plain way", "6.25 %", "at most 5: **missed**"],
        ["start", "the plain way", "0.123 times as fast", "at most 0.2"],
        ["data", "the plain way", "4.5 %", "at most 5"],  # another test, though it measures the same
        ["a photo", "its parts: 41 %", "12.2 times as fast", "at least 10"],
    ]
    assert told[6:9] == [
        ["what", "beside", "reached"],
        ["---"] * 3,
        ["its array", "the plain way", "8 times as fast"],
    ]


def test_the_earlier_report_stands_where_it_comes_last():
    told = rows(page.page([SECOND, FIRST]))
    assert ["a photo", "its parts: 40 %", "9.51 times as fast", "at least 10: **missed**"] in told


def test_growth_is_a_table_that_tells_where_it_is_one():
    text = page.page([FIRST])
    assert "Predict, a megapixel, by megapixels; at 12 it is 1:\n\n| megapixels |" in text
    assert rows(text)[-3:] == [
        ["megapixels", "1", "12", "100"],
        ["---"] * 4,
        ["", "1.25", "1", "0.987"],
    ]


def test_the_machine_is_told_once_and_another_one_too():
    assert page.page([FIRST, SECOND]).splitlines()[0] == (
        "Measured on A Processor, 2 cores, Linux (x86_64), Python 3.12.1, torch 2.14.1, numpy 2.4.6."
    )
    both = page.page([FIRST, report({}, torch="2.6.0")])
    assert "torch 2.14.1, numpy 2.4.6. And on A Processor" in both


@pytest.mark.parametrize("to_file", [False, True])
def test_the_command_line(tmp_path, capsys, to_file):
    for name, content in (("a.json", FIRST), ("b.json", SECOND)):
        (tmp_path / name).write_text(json.dumps(content))
    output = tmp_path / "figures.md"
    paths = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    page.main(paths + (["-o", str(output)] if to_file else []))
    told = output.read_text() if to_file else capsys.readouterr().out
    assert told == page.page([FIRST, SECOND])
