"""The commands that read the database, on a real SQLite file that an agent could have written."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from driftgauge.agent.command.rates import Per
from driftgauge.agent.command.reading import parse_since
from driftgauge.storage import (
    WHOLE_SEGMENT,
    DetectorRecord,
    Judgement,
    MonitorState,
    Period,
    ScoreSummary,
    SegmentStateRow,
    Store,
)

from ...stores import START, STREAM, TOPIC, advance, alert, flush, window
from .reading import SETTINGS, Run, run, tell, watched, written

__all__ = ["run", "watched", "written"]

COMMANDS = (["status"], ["rates"], ["alerts", "list"])


@pytest.mark.usefixtures("watched")
def test_rates_show_each_segment_beside_its_normal(run: Run) -> None:
    shown = run("rates")
    assert shown.code == 0
    lines = [line.split() for line in shown.out.splitlines()]
    assert [
        "2026-03-01",
        "13:00:00",
        "camera=3",
        "*",
        "100",
        "30",
        "30.0",
        "%",
        "0.8",
        "%",
        "▁█",
    ] in lines
    assert ["2026-03-01", "12:00:00", "*", "*", "100", "1", "1.0", "%", "1.0", "%", "▃"] in lines
    assert "camera=[4]" in shown.out


@pytest.mark.usefixtures("watched")
def test_rates_as_json_agree_with_the_store(run: Run, written: Store) -> None:
    rows = run("rates", "--period", "window", "--segment", "camera=3", "--json").values
    assert [row["period_start"] for row in rows] == [
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T13:00:00+00:00",
    ]
    assert [(row["ood_rate"], row["normal_rate"]) for row in rows] == [(0.01, 0.008), (0.3, 0.008)]
    assert len(run("rates", "--layer", "all", "--json").values) == len(
        written.rates(STREAM, layer=None)
    )
    assert run("rates", "--layer", "blocks.1", "--json").values[0]["normal_rate"] is None


@pytest.mark.usefixtures("watched")
def test_the_normal_rate_follows_alpha_as_the_rate_does(run: Run, watched: Store) -> None:
    at = {"0.01": {"*": 0.01}, "0.1": {"*": 0.12}}
    manifest = {"normal_rates": {"*": 0.01}, "normal_rates_at": at}
    watched.register_detector(
        DetectorRecord("detector-1", STREAM, "runs/d1", START, status="active", manifest=manifest)
    )
    for alpha, normal in ((0.01, 0.01), (0.1, 0.12)):
        watched.ensure_stream(STREAM, TOPIC, 60, alpha=alpha)
        rows = run("rates", "--segment", "*", "--json").values
        assert {(row["alpha"], row["normal_rate"]) for row in rows} == {(alpha, normal)}


@pytest.mark.parametrize(("said", "meant"), [("day", "day"), ("daily", "day"), ("hourly", "hour")])
def test_rates_can_be_had_for_a_day(run: Run, written: Store, said: str, meant: Period) -> None:
    rows = run("rates", "--period", said, "--json").values
    assert [row["events"] for row in rows] == [
        row.events for row in written.rates(STREAM, period=meant)
    ]


def test_an_unknown_period_is_refused_with_those_there_are(run: Run) -> None:
    outcome = run("rates", "--period", "weekly")
    assert outcome.code != 0
    assert "wanted one of minute" in outcome.err


@pytest.mark.usefixtures("watched")
def test_rates_can_be_narrowed_and_say_so(run: Run) -> None:
    late = run("rates", "--since", "2026-03-01T13:10", "--json").values
    assert {row["period_start"] for row in late} == {"2026-03-01T13:00:00+00:00"}
    assert "The newest 1 rows" in run("rates", "--limit", "1").out
    nothing = run("rates", "--segment", "camera=9").out
    assert nothing.startswith("No segment camera=9 was counted; did you mean camera=3?")
    assert nothing.endswith("There are: *, camera=3, camera=[4].\n")
    assert "No layer b1 was counted. There are: *, blocks.1." in run("rates", "--layer", "b1").out
    late_again = run("rates", "--since", "2026-03-02").out
    assert late_again == (
        "No images in this time; the newest window starts at 2026-03-01 13:00:00 UTC.\n"
    )
    assert run("rates", "--segment", "camera=9", "--json").values == []


@pytest.mark.parametrize("period", ["window", "minute", "hour", "day"])
def test_the_newest_rates_are_found_however_long_ago_they_are(
    run: Run, written: Store, period: str
) -> None:
    often = [window({17: 9}, minute=minute) for minute in range(30)]
    seldom = [window({17: 9}, minute=-1440 * day, segment="camera=3") for day in range(9, 400, 40)]
    written.flush(flush(advance(None, 9), windows=[*often, *seldom]))
    for limit in ("1", "5", "12", "99"):
        wanted = written.rates(STREAM, period=Per(period).value, limit=int(limit))
        found = run("rates", "--period", period, "--limit", limit, "--json").values
        assert [(row["segment"], row["period_start"]) for row in found] == [
            (row.segment, row.period_start.isoformat()) for row in wanted
        ]


@pytest.mark.usefixtures("watched")
def test_rates_end_where_they_are_told(run: Run) -> None:
    early = run("rates", "--until", "2026-03-01T13:00", "--json").values
    assert {row["period_start"] for row in early} == {"2026-03-01T12:00:00+00:00"}


@pytest.mark.usefixtures("watched")
def test_rates_show_how_each_segment_came_to_its_rate(run: Run) -> None:
    lines = run("rates", "--segment", "camera=3").out.splitlines()
    assert [line[-2:] for line in lines if "camera=3" in line] == [" ▃", "▁█"]


@pytest.mark.usefixtures("watched")
def test_rates_as_csv_hold_what_json_holds(run: Run) -> None:
    for command in (["rates"], ["rates", "--top", "2"]):
        read = list(csv.DictReader(io.StringIO(run(*command, "--csv").out)))
        rows = run(*command, "--json").values
        assert [row["segment"] for row in read] == [row["segment"] for row in rows]
        assert read[0].keys() == rows[0].keys()


def test_the_top_is_who_is_furthest_beyond_its_own_normal(run: Run, watched: Store) -> None:
    rows = [
        window({0: bad, 17: 100 - bad}, minute=minute, segment="camera=9")
        for minute, bad in ((0, 2), (60, 20))
    ]
    watched.flush(flush(advance(200, 400), windows=rows))
    shown = run("rates", "--top", "3").out
    lines = [line.split() for line in shown.splitlines()]
    assert ["camera=3", "200", "15.5", "%", "0.8", "%", "+14.7", "▁█"] in lines
    assert ["*", "200", "15.5", "%", "1.0", "%", "+14.5", "▁█"] in lines
    assert "and 1 more" in shown
    narrowed = run("rates", "--top", "9", "--since", "2026-03-01T13:00", "--json").values
    assert [(row["segment"], row["normal"], row["normal_from"]) for row in narrowed] == [
        ("camera=3", 0.008, "reference"),
        ("camera=[4]", 0.008, "reference"),
        ("*", 0.01, "reference"),
        ("camera=9", 0.02, "earlier"),
    ]


def test_a_few_images_are_no_trend(run: Run, written: Store) -> None:
    rows = [
        *(window({17: 100}, minute=-1440, segment=name) for name in ("camera=1", "camera=2")),
        window({0: 3, 17: 2}, segment="camera=1"),
        window({0: 200, 17: 800}, segment="camera=2"),
    ]
    written.flush(flush(advance(None, 9), windows=rows))
    found = run("rates", "--top", "2", "--since", START.isoformat(), "--json").values
    assert [row["segment"] for row in found] == ["camera=2", "camera=1"]


@pytest.mark.parametrize("extra", [[], ["--segment", "camera=3", "--layer", "all"]])
def test_rates_are_drawn_whatever_the_names(
    run: Run, watched: Store, tmp_path: Path, extra: list[str]
) -> None:
    names = ["camera=$\\frac$ <b>", "_hidden", "摄像头=3"]
    rows = [window({0: 1, 17: 9}, minute=180, segment=name) for name in names]
    watched.flush(flush(advance(200, 300), windows=rows))
    assert run("rates", "--plot", "rates.png", *extra).code == 0
    with Image.open(tmp_path / "rates.png") as picture:
        assert picture.width > 600
    done = run("rates", "--plot", "rates.html", *extra)
    assert done.out.startswith("Wrote rates.html: ")
    page = (tmp_path / "rates.html").read_text()
    assert page.count("<svg") == 1
    assert "<b>" not in page
    assert ("blocks.1" if extra else "$\\frac$ &lt;b&gt;") in page
    assert run("rates", "--plot", "rates.jpg").code == 2
    assert "cannot be written to no/rates.png" in run("rates", "--plot", "no/rates.png").err


@pytest.mark.usefixtures("watched")
def test_alerts_list_shows_those_that_live_and_all_on_demand(run: Run) -> None:
    live = run("alerts", "list")
    assert "camera 3: 4.1 % of images out of distribution, normally 0.8 %" in live.out
    assert "it was dark" not in live.out
    everything = run("alerts", "list", "--all")
    assert "camera [4]: it was dark" in everything.out
    states = [row["state"] for row in run("alerts", "list", "--all", "--json").values]
    assert sorted(states) == ["open", "resolved"]
    one = run("alerts", "list", "--all", "--segment", "camera=3", "--json").values
    assert [row["segment"] for row in one] == ["camera=3"]


@pytest.mark.usefixtures("watched")
def test_report_writes_a_page_of_the_stream(run: Run, tmp_path: Path) -> None:
    done = run("report", "--since", "2026-03-01T11:00", "-o", "page.html")
    assert (done.code, done.out) == (0, "Wrote page.html.\n")
    assert "camera 3: 4.1 % of images out of distribution" in (tmp_path / "page.html").read_text()
    missing = run("report", "-o", "no/page.html")
    assert missing.code == 2
    assert "cannot be written to no/page.html" in missing.err


@pytest.mark.usefixtures("watched")
def test_status_shows_where_the_stream_stands(run: Run) -> None:
    shown = run("status", "--all")
    assert shown.code == 0
    for words in (
        "detector     detector-1 (runs/d1)",
        "last window  2026-03-01 13:00:00 UTC, 100 images, 30.0 % out of distribution",
        "judged until 2026-03-01 12:00:00 UTC",
        "camera 3: 4.1 %",
        "nan",
    ):
        assert words in shown.out
    values = run("status", "--json").values
    assert values["partitions"][0]["next_offset"] == 200
    assert values["segments"] == {"*": 200, "camera=3": 200, "camera=[4]": 200}
    assert values["scores"][0]["variance"] is None
    assert [row["segment"] for row in values["alerts"]] == ["camera=3"]


def test_a_hostile_name_neither_steers_the_terminal_nor_is_eaten(run: Run, written: Store) -> None:
    segment = "camera=\x1b[2J\u202e3\x07[bold][detector]\x9b\nforged"
    rows = [window({17: 9}, segment=name) for name in ("*", segment)]
    summary = ScoreSummary(segment, 9, 0.5, 0.1, 0.1, 9.5, 0.2, 0.45, 1.5)
    written.flush(flush(advance(None, 9), windows=rows, summaries=[summary]))
    claim = alert(segment=segment, message=f"{segment} changed")
    written.judge(Judgement(STREAM, None, MonitorState(START, ""), [claim]))
    for command in COMMANDS:
        shown = run(*command).out
        assert not any(char in shown for char in "\x1b\u202e\x07\x9b")
        assert "[bold][detector]\\x9b\\nforged" in shown
        assert segment not in run(*command, "--json").out


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.usefixtures("watched")
def test_tables_are_readable_on_a_narrow_terminal(
    run: Run, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rates, alerts, status = (
        run(*command).out for command in (["rates"], ["alerts", "list"], ["status"])
    )
    assert any("camera=3" in line and "30.0 %" in line for line in rates.splitlines())
    assert any("camera=3" in line and "4.1 %" in line for line in alerts.splitlines())
    heads = ("2026", "camera=", "images", "blocks", "Not shown")
    tables = [line for line in (rates + status).splitlines() if line.startswith(heads)]
    assert max(map(len, tables)) <= width


def test_status_answers_first_whether_it_works(run: Run, watched: Store) -> None:
    assert run("status").out.startswith("answer       working\n")
    tell(watched, "waiting for the database")
    held_up = run("status")
    assert held_up.code == 4
    assert held_up.out.startswith(
        "answer       held up: the agent on edge-7 is waiting for the database\n"
    )
    watched.leave("a/1/x")
    gone = run("status")
    assert gone.code == 3
    assert gone.out.startswith("answer       not running: no agent runs: driftgauge run\n")


def test_status_names_agents_their_lag_and_the_last_dead_letter(run: Run, watched: Store) -> None:
    reason = "EventDecodeError: \x1b[2J not [a] picture"
    lag: dict[str, Any] = {"lag_messages": 40, "lag_seconds": 200.0}
    tell(watched, flushed_seconds_ago=2.0, dead_letters=3, dead_letter_reason=reason, **lag)
    shown = run("status")
    assert "40, 3 min" in shown.out
    assert "last dead letter of edge-7: EventDecodeError: \\x1b[2J not [a] picture" in shown.out
    (agent,) = run("status", "--json").values["agents"]
    assert (agent["dead_letters"], agent["is_alive"]) == (3, True)


def test_status_says_which_segments_cannot_alert_and_why(run: Run, watched: Store) -> None:
    lesson = {"begins": START.isoformat(), "tried": None, "until": None}
    learnt = json.dumps({"lesson": lesson}).encode()
    rows = [
        SegmentStateRow("*", WHOLE_SEGMENT, b"{}", 1, nearness=0.0),
        SegmentStateRow("camera=3", WHOLE_SEGMENT, b"{}", 1, nearness=0.42),
        SegmentStateRow("camera=[4]", WHOLE_SEGMENT, learnt),
    ]
    cursor = MonitorState(START + timedelta(minutes=60), "")
    watched.judge(Judgement(STREAM, None, cursor, [], detector="detector-1", states=rows))
    shown = " ".join(run("status").out.split())
    assert (
        "camera=[4] 200 0.8 % - - - learning until 2026-03-02 12:00:00 UTC, raises no alert"
        in shown
    )
    assert "camera=3 200 0.8 % 42 % - - alert" in shown
    assert (
        "* 200 1.0 % - - - raises no alert: the effective sample size of its reference is too small"
        in shown
    )
    with_other_settings = run("status", "--store", "sqlite:///runs/driftgauge.db").out
    assert "learning, raises no alert" in " ".join(with_other_settings.split())


def test_status_is_a_screenful_whatever_the_number_of_cameras(run: Run, watched: Store) -> None:
    names = [f"camera={number}" for number in range(100, 1100)]
    rows = [window({17: 9}, segment=name) for name in names]
    moves = [advance(None, 9, partition=number) for number in range(1, 65)]
    watched.flush(flush(*moves, windows=rows))
    claims = [alert(segment=name, message=f"{name} changed") for name in names[:40]]
    watched.judge(Judgement(STREAM, START, MonitorState(START + timedelta(minutes=1), ""), claims))
    shown = run("status").out
    assert len(shown.splitlines()) <= 50
    assert "1003 segments: 41 with an alert, 962 waiting" in shown
    assert "and 993 more; --all shows all." in shown
    assert "and 60 more; --all shows all." in shown
    assert "Live incidents, 41 alerts in all" in shown
    listed = run("status", "--all").out
    assert all(name in listed for name in names)


@pytest.mark.usefixtures("watched")
def test_status_is_watched_until_it_is_interrupted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", wait)
    shown = run("status", "--watch", "--every", "2 seconds")
    assert (shown.code, waited) == (0, [2.0, 2.0, 2.0])
    assert shown.out.count("answer       working\n") == 3
    assert run("status", "--every", "soon").code == 2


@pytest.mark.usefixtures("written")
def test_a_stream_without_events_is_shown_as_such(run: Run) -> None:
    assert run("rates").out == f"No images counted on {STREAM} yet.\n"
    assert run("alerts", "list").out == "No unresolved alerts; --all shows resolved ones.\n"
    assert run("alerts", "list", "--all").out == "No alerts.\n"
    shown = run("status")
    assert "No partition counted yet" in shown.out
    assert "none registered" in shown.out
    values = run("status", "--json").values
    assert (values["detector"], values["last_window"], values["judged_until"]) == (None,) * 3


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_can_be_named_without_a_settings_file(
    run: Run, watched: Store, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "driftgauge.toml").unlink()
    url = "sqlite:///runs/driftgauge.db"
    assert run(*command, "--store", url, "--json").code == 0
    watched.ensure_stream("line-4", TOPIC, 60)
    several = run(*command, "--store", url)
    assert (several.code, several.out) == (2, "")
    assert "several streams: line-3, line-4" in several.err
    assert "--stream NAME" in several.err
    of_another = 3 if command == ["status"] else 0  # no agent watches that one
    assert run(*command, "--store", url, "--stream", "line-4").code == of_another
    wrong = run(*command, "--store", url, "--stream", "line-5")
    assert (wrong.code, "no stream 'line-5'" in wrong.err) == (2, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_reading_a_database_that_is_not_there_fails_and_makes_none(
    run: Run, tmp_path: Path, command: list[str]
) -> None:
    outcome = run(*command, "--store", "sqlite:///typo.db")
    assert (outcome.code, outcome.out) == (1, "")
    assert "there is no database at typo.db" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_missing_say_which_command_makes_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    outcome = run("status", "--store", "sqlite:///empty.db")
    assert outcome.code == 1
    assert "hint: driftgauge db upgrade --store sqlite:///empty.db" in outcome.err
    upgraded = run("db", "upgrade", "--store", "sqlite:///empty.db")
    assert upgraded.out == "sqlite:///empty.db is now at the version of this driftgauge.\n"
    again = run("db", "upgrade", "--store", "sqlite:///empty.db", "--json")
    assert again.values == {"database": "sqlite:///empty.db", "changed": False}
    unused = run("status", "--store", "sqlite:///empty.db")
    assert "the database has no stream yet" in unused.err


def test_a_hint_repeats_the_settings_file_that_was_given(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my line.toml").write_text(SETTINGS.replace("runs/driftgauge.db", "empty.db"))
    (tmp_path / "empty.db").touch()
    for given in (["-c", "my line.toml"], ["--config=my line.toml"], ["-cmy line.toml"]):
        assert "hint: driftgauge db upgrade -c 'my line.toml'" in run("status", *given).err


def test_db_upgrade_makes_the_database_of_the_settings(run: Run, tmp_path: Path) -> None:
    (tmp_path / "driftgauge.toml").write_text(SETTINGS)
    assert run("db", "upgrade").code == 0
    assert (tmp_path / "runs" / "driftgauge.db").exists()


def test_a_time_that_is_none_is_refused_as_usage(run: Run) -> None:
    outcome = run("rates", "--since", "whenever")
    assert outcome.code == 2
    assert "2 hours" in outcome.err


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:30+01:00", datetime(2026, 3, 1, 11, 30, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str | None, moment: datetime | None) -> None:
    assert parse_since(text) == moment


def test_a_duration_is_counted_back_from_now() -> None:
    found = parse_since("2 hours")
    assert found is not None
    assert abs(datetime.now(UTC) - timedelta(hours=2) - found) < timedelta(minutes=1)


@pytest.mark.parametrize("command", [*COMMANDS, ["alerts"], ["db"], ["db", "upgrade"]])
def test_every_command_explains_itself(run: Run, command: list[str]) -> None:
    outcome = run(*command, "--help")
    assert outcome.code == 0
    assert "Usage: driftgauge" in outcome.out
