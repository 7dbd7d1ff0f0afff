"""A fault in the user's own factory is told with their file and line, never as a bare traceback."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.model.factory import build_from_factory

GOOD = "import torch\ndef build():\n    return torch.nn.Conv2d(3, 4, 3)\n"


Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def _write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        return f"{name}:build"

    return _write


@pytest.mark.parametrize(
    ("name", "text", "said", "hint"),
    [
        (
            "imports_missing",
            "import torch\nimport a_package_that_is_not_here\n",
            r"cannot import 'imports_missing'.*ModuleNotFoundError.* at imports_missing\.py:2",
            "must work",
        ),
        ("broken_syntax", "x = 1\ndef build(:\n", r"SyntaxError.* at broken_syntax\.py:2", None),
        (
            "raises_inside",
            "def helper():\n    raise KeyError('head')\ndef build():\n    return helper()\n",
            r"'raises_inside:build' failed: KeyError\('head'\) at raises_inside\.py:2",
            "on its own",
        ),
        (
            "torch_raises",
            "import torch\ndef build():\n    return torch.nn.Conv2d(3, 4, 3, groups=2)\n",
            r"failed: ValueError\(.*groups.*\) at torch_raises\.py:3",
            "on its own",
        ),
        (
            "wants_arguments",
            "def build(num_classes):\n    pass\n",
            r"missing 1 required positional argument: 'num_classes'",
            "calls the factory without arguments",
        ),
        (
            "parses_arguments",
            "import argparse\ndef build():\n    p = argparse.ArgumentParser()\n"
            "    p.add_argument('--x', required=True)\n    return p.parse_args([])\n",
            r"SystemExit\(2\) at parses_arguments\.py:5",
            "on its own",
        ),
        (
            "returns_nothing",
            "import torch\ndef build():\n    torch.nn.Conv2d(3, 4, 3)\n",
            r"\(build at returns_nothing\.py:2\) returned NoneType, wanted an nn.Module",
            "is a `return model` missing?",
        ),
        (
            "returns_class",
            "import torch\ndef build():\n    return torch.nn.ReLU\n",
            "returned the class ReLU",
            None,
        ),
        (
            "returns_three",
            "import torch\ndef build():\n    return torch.nn.ReLU(), len, {}\n",
            r"returned tuple of \(ReLU, builtin_function_or_method, dict\)",
            None,
        ),
        (
            "returns_no_transform",
            "import torch\ndef build():\n    return torch.nn.ReLU(), 224\n",
            "returned a transform of type int, wanted something to call",
            None,
        ),
        (
            "misnamed",
            "def built():\n    pass\n",
            r"misnamed\.py has no function 'build'; did you mean 'built'\?",
            None,
        ),
    ],
)
def test_a_fault_in_a_factory_is_told_with_its_line_and_what_to_do(
    name: str, text: str, said: str, hint: str | None, write: Write
) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        build_from_factory(write(name, text))
    assert hint is None or hint in (caught.value.hint or "")


def test_a_module_that_is_not_there_says_where_it_was_looked_for() -> None:
    with pytest.raises(SettingsError, match=r"cannot find model\.factory") as caught:
        build_from_factory("no_such_package.models:build")
    assert "from this folder, from PYTHONPATH" in (caught.value.hint or "")


def test_a_pair_may_be_a_list_and_a_model_may_be_alone(write: Write) -> None:
    model, transform = build_from_factory(write("alone", GOOD))
    assert transform is None
    listed = GOOD.replace("torch.nn.Conv2d(3, 4, 3)", "[torch.nn.Conv2d(3, 4, 3), len]")
    model, transform = build_from_factory(write("listed", listed))
    assert transform is len
    assert sum(1 for _ in model.parameters()) == 2
