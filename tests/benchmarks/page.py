"""The tables of the performance page, from reports of the benchmarks, or from a run on this machine.

    python tests/benchmarks/page.py [REPORT.json ...] [-o FIGURES.md] [-k EXPRESSION]

A report is what ``pytest tests/benchmarks --benchmark-enable --benchmark-json=REPORT.json`` leaves behind, so
that a run can be done in pieces; of a figure that several reports have, the last one counts. Without reports
the benchmarks are run here. The page includes ``docs/user_guide/performance_figures.md``.

Ratios nearly throughout: seconds say more of the machine than of the package.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def measured(expression: str | None) -> dict:
    """The report of a run on this machine; a benchmark that misses its floor is told, not left out."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", str(HERE), "--benchmark-enable"]
        command += [f"--benchmark-json={report}"] + (["-k", expression] if expression else [])
        subprocess.run(command, check=False, env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"})
        return json.loads(report.read_text(encoding="utf-8"))


def gathered(reports: list[dict], kind: str) -> list[dict]:
    """The "figures" or the "growth" of all reports, of each the last one, in the order of the tests."""
    found = {}
    for report in reports:
        for benchmark in report["benchmarks"]:
            for told in benchmark["extra_info"].get(kind, ()):
                # not by what it stands beside, which may hold figures of its own
                found[benchmark["fullname"], told["what"]] = told
    return [told for (test, _), told in sorted(found.items(), key=lambda item: item[0][0].partition("::")[0])]


def machines(reports: list[dict]) -> list[str]:
    """One line for each machine, or set of versions, that the reports are of."""
    lines = {}
    for report in reports:
        info = report["machine_info"]
        cpu, n = info["cpu"], info["cpu"].get("count", "?")
        model = cpu.get("brand_raw") or info["machine"]
        versions = "".join(f", {name} {version}" for name, version in info.get("packages", {}).items())
        line = f"{model}, {n} cores, {info['system']} ({info['machine']}), Python {info['python_version']}"
        lines[f"{line}{versions}."] = None
    return list(lines)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(row) + " |" for row in cells]


def floor(figure: dict) -> str:
    """What a figure is held to, and whether it misses that."""
    for name, sign in (("at least", 1), ("at most", -1)):
        value = figure[name.replace(" ", "_")]
        if value is not None:
            missed = sign * figure["reached"] < sign * value
            return f"{name} {value:g}" + (": **missed**" if missed else "")
    return ""


def figures_table(figures: list[dict]) -> list[str]:
    """What was reached, beside what, and the floor where there is one."""
    held = any(floor(figure) for figure in figures)
    rows = []
    for figure in figures:
        row = [figure["what"], figure["beside"], f"{figure['reached']:.3g} {figure['unit']}".strip()]
        rows.append(row + [floor(figure)] * held)
    return table(["what", "beside", "reached"] + ["floor"] * held, rows)


def growth_table(growth: dict) -> list[str]:
    """A line of costs below the values of what they grow with."""
    ones = [f"; at {value} it is 1" for value, cost in growth["costs"].items() if cost == 1]
    title = f"{growth['what']}, by {growth['by']}" + "".join(ones[:1])
    values, costs = zip(*growth["costs"].items(), strict=True)
    rows = table([growth["by"], *map(str, values)], [["", *(f"{cost:.3g}" for cost in costs)]])
    return [f"{title[:1].upper()}{title[1:]}:", "", *rows]


def page(reports: list[dict]) -> str:
    """The tables in Markdown: what is held to a floor, what else was measured, and how costs grow."""
    figures = gathered(reports, "figures")
    lines = ["Measured on " + " And on ".join(machines(reports))]
    for title, some in (
        ("What is held to a floor:", [figure for figure in figures if floor(figure)]),
        ("What else was measured:", [figure for figure in figures if not floor(figure)]),
    ):
        if some:
            lines += ["", title, "", *figures_table(some)]
    for growth in gathered(reports, "growth"):
        lines += ["", *growth_table(growth)]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Write the tables to a file, or print them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reports", nargs="*", type=Path, help="JSON of pytest-benchmark; later ones win")
    parser.add_argument("-o", "--output", type=Path, help="Markdown file, by default standard output")
    parser.add_argument("-k", dest="expression", help="without reports: which benchmarks to run")
    args = parser.parse_args(argv)
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in args.reports]
    text = page(reports or [measured(args.expression)])
    if args.output:
        args.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
