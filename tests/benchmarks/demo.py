"""The demonstration over several seeds: which faults are found, how soon, and what is false.

Run: python -m tests.benchmarks.demo [--seeds N]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .table import Figure, write_benchmark

COMMAND = (sys.executable, "-m", "driftgauge.agent.command", "demo")
MOST_FRAMES = 64
FEWEST_NAMED = 4
NAMED = "named rightly"


def run_once(seed: int, severity: str, folder: Path) -> dict[str, object]:
    """Run the demonstration and return a row: frames to each alert, or a dash."""
    began = time.monotonic()
    arguments = ["--seed", str(seed), "--severity", severity, "--run-dir", str(folder)]
    subprocess.run([*COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    row: dict[str, object] = {"seed": seed}
    for fault in summary["faults"]:
        row[fault["kind"]] = fault["frames"] if fault["found"] else "-"
    row[NAMED] = sum(fault["is_named_rightly"] for fault in summary["faults"])
    row["false alarms"] = summary["false_alarms"]
    row["images/s"] = summary["images_per_second"]
    row["seconds"] = round(time.monotonic() - began)
    return row


def main() -> None:
    """Print the table and write build/benchmarks/demo.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--severity", default="mild", choices=["mild", "plain"])
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(chosen.seeds):
            rows.append(run_once(seed, chosen.severity, Path(folder) / f"seed-{seed}"))
            print(rows[-1], file=sys.stderr, flush=True)
    kinds = [k for k in rows[0] if k not in {"seed", NAMED, "false alarms", "images/s", "seconds"}]
    found = [row[kind] for row in rows for kind in kinds]
    late = [frames for frames in found if not isinstance(frames, int) or frames > MOST_FRAMES]
    false_alarms = sum(int(str(row["false alarms"])) for row in rows)
    named = min(int(str(row[NAMED])) for row in rows)
    slowest = max(int(str(row["seconds"])) for row in rows)
    figures = [
        Figure("faults not found within 64 frames", len(late), "faults", "0", not late),
        Figure(
            "faults named rightly, in the worst run",
            named,
            "of 5",
            f"at least {FEWEST_NAMED}",
            named >= FEWEST_NAMED,
        ),
        Figure("false alarms", false_alarms, "alerts", "0", false_alarms == 0),
        Figure("longest run", slowest, "s", "at most 240", slowest <= 240),
    ]
    write_benchmark("demo", rows, figures)


if __name__ == "__main__":
    main()
