"""Text from outside is shown as it is written: nothing in it steers the terminal or is eaten."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from driftgauge.agent.errors import SettingsError
from driftgauge.agent.log import escaped
from driftgauge.agent.terminal.printing import print_error, print_json, print_line
from driftgauge.agent.terminal.table import Column, print_table

AGENT = Path(__file__).parents[3] / "agent"
HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202e3=aremac \x00 \x9b31m [bold]x[/bold] [detector]\r\nforged"
UNSEEN = "\x1b\x07\x00\x9b\r\u202e\u2066\u200b\u2028\u2029\ud800\x85\x7f"


def is_harmless(shown: str) -> bool:
    return not any(char in shown for char in UNSEEN)


@pytest.mark.parametrize("char", [*UNSEEN, "\n", "\t", "\U000e0001"])
def test_what_is_not_seen_as_itself_is_written_as_an_escape(char: str) -> None:
    shown = escaped(f"a{char}b")
    assert shown.isascii()
    assert shown.isprintable()
    assert shown.encode().decode("unicode_escape") == f"a{char}b"


@pytest.mark.parametrize("name", ["カメラ\u30003", "Halle\u00a03", "camera=[4]", "é", "🎥"])
def test_names_of_any_language_are_shown_as_they_are(name: str) -> None:
    assert escaped(name) == name


def test_a_line_shows_brackets_and_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_line("set [detector] method, ", (HOSTILE, "bold"))
    shown = capsys.readouterr().out
    assert is_harmless(shown)
    assert shown.count("\n") == 1
    assert "set [detector] method" in shown
    assert "[bold]x[/bold] [detector]" in shown


def test_a_table_shows_brackets_and_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HOSTILE, [Column("segment"), Column("rate", "right")], [[HOSTILE, "1.0 %"]])
    shown = capsys.readouterr().out
    assert is_harmless(shown)
    assert shown.count("[bold]x[/bold] [detector]") == 2


def test_json_says_the_same_in_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"segment": HOSTILE})
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert is_harmless(shown)
    assert json.loads(shown) == {"segment": HOSTILE}


def test_a_value_in_an_error_cannot_pass_for_an_error_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_error(SettingsError(f"first {HOSTILE}\nerror: second"), hint="write [store] url")
    first, *others, hint = capsys.readouterr().err.splitlines()
    assert first.startswith("error: first ")
    assert [line for line in others if not line.startswith("  ")] == []
    assert hint == "hint: write [store] url"


def test_only_one_room_hands_text_to_the_terminal() -> None:
    """Elsewhere a console is given tables and bars, never text, which it would read as markup."""
    found = [
        f"{path.relative_to(AGENT)}:{call.lineno}"
        for path in AGENT.rglob("*.py")
        if path.parent.name != "terminal"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and _prints_text(call)
    ]
    assert found == []


def _prints_text(call: ast.Call) -> bool:
    called = call.func
    if isinstance(called, ast.Name):
        return called.id == "print"
    is_print = isinstance(called, ast.Attribute) and called.attr == "print"
    return is_print and any(isinstance(given, ast.Constant | ast.JoinedStr) for given in call.args)
