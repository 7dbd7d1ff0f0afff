"""A table is readable on a narrow terminal: columns go, and no number is broken."""

from __future__ import annotations

import pytest

from driftgauge.agent.terminal.table import Column, print_table

COLUMNS = (
    Column("UTC"),
    Column("segment", folds=True),
    Column("layer", rank=2),
    Column("images", "right", rank=1),
    Column("rate", "right"),
    Column("normally", "right"),
)
ROWS = [
    ["2026-03-01 12:00:00", f"camera={name}", "blocks.3", "1234567", "12.5 %", "0.8 %"]
    for name in ("3", "a-camera-with-a-name-of-forty-characters", "カメラ\u30003")
]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_fits_and_breaks_no_number(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table("Rates", COLUMNS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if line.startswith("2026-03-01 12:00:00")]
    assert len(rows) == len(ROWS)
    assert all("12.5 %" in row and "0.8 %" in row for row in rows)
    assert all("1234567" in row for row in rows) == (width >= 80)


def test_what_is_left_out_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table("Rates", COLUMNS, ROWS)
    assert "Not shown at this width: layer, images." in capsys.readouterr().out


def test_a_pipe_gets_every_column_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("Rates", COLUMNS, [[*ROWS[0][:1], "camera=" + 200 * "x", *ROWS[0][2:]]])
    line = capsys.readouterr().out.splitlines()[-1]
    assert "camera=" + 200 * "x" in line
    assert line.endswith("0.8 %")
