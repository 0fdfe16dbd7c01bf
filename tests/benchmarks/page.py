"""The tables of the performance page, from one run of the benchmarks on this machine.

    python tests/benchmarks/page.py docs/user_guide/performance_figures.md [-k EXPRESSION]

Ratios only: seconds say more of the machine than of the package.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def measured(expression: str | None) -> list[dict]:
    """``extra_info`` of each benchmark; one that misses its floor is told, not left out."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "benchmarks.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(HERE),
            "--benchmark-enable",
            f"--benchmark-json={report}",
        ]
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
        subprocess.run(command + (["-k", expression] if expression else []), check=False, env=environment)
        return [benchmark["extra_info"] for benchmark in json.loads(report.read_text())["benchmarks"]]


def floor(figure: dict) -> str:
    """What a figure is held to."""
    if figure["at_least"] is not None:
        return f"at least {figure['at_least']:g}"
    return "" if figure["at_most"] is None else f"at most {figure['at_most']:g}"


def page(infos: list[dict]) -> str:
    """The tables in Markdown."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    lines = [f"{machine}, Python {platform.python_version()}.", ""]
    lines += ["| what | beside | reached | floor |", "| --- | --- | --- | --- |"]
    for figure in (figure for info in infos for figure in info.get("figures", ())):
        reached = f"{figure['reached']:.3g} {figure['unit']}"
        lines.append(f"| {figure['what']} | {figure['beside']} | {reached} | {floor(figure)} |")
    for growth in (growth for info in infos for growth in info.get("growth", ())):
        values, costs = zip(*growth["costs"].items(), strict=True)
        lines += ["", f"{growth['what']}, over the cost at 1:", ""]
        lines += [
            f"| {growth['by']} | " + " | ".join(map(str, values)) + " |",
            "| --- " * (len(values) + 1) + "|",
        ]
        lines.append("| cost | " + " | ".join(f"{cost:.3g}" for cost in costs) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("-k", dest="expression")
    args = parser.parse_args()
    args.output.write_text(page(measured(args.expression)), encoding="utf-8")


if __name__ == "__main__":
    main()
