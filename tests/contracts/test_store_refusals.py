"""A row that a database refuses because of its content costs that row, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from driftgauge.storage import Database, RefusedRow, RowRefused, ScoreSummary, Store, WindowRecord

from ..stores import DETECTOR, START, STREAM, advance, alert, evidence, flush, window

LATER = START.replace(year=2027)
LONG = "camera=" + "".join(chr(0x20000 + 37 * n % 40_000) for n in range(10_000))
"""4 bytes a character, and no pattern that an index could pack."""
BEYOND = 2**70


@pytest.fixture
def told() -> list[RefusedRow]:
    return []


@pytest.fixture
def careful(store: Store, database: Database, told: list[RefusedRow]) -> Store:
    """Give a store that leaves out what is refused."""
    return Store(database, on_refused=told.extend)


def windows(store: Store) -> Sequence[WindowRecord]:
    return store.windows(STREAM, DETECTOR, after=None, until=LATER)


def test_a_text_of_any_length_fits(store: Store) -> None:
    record = flush(
        advance(None, 1),
        windows=[window({0: 1}, segment=LONG)],
        evidence=[evidence(0, segment=LONG, event_id=LONG)],
    )
    store.flush(record)
    (kept,) = store.evidence(STREAM)
    assert [row.segment for row in windows(store)] == [kept.segment] == [kept.event_id]
    assert kept.segment == LONG[:499] + "\N{HORIZONTAL ELLIPSIS}"
    assert len(store.windows(STREAM, DETECTOR, after=None, until=LATER, segments=[LONG])) == 1


def test_a_note_is_kept_whole(store: Store) -> None:
    from driftgauge.storage import Judgement, MonitorState

    (raised,) = store.judge(Judgement(STREAM, None, MonitorState(START, ""), [alert()]))
    note = "the lens was cleaned, see the ticket. " * 100
    store.transition_alert(raised.id or 0, "acknowledged", at=START, by="ada", note=note)
    assert store.transitions(raised.id or 0)[-1].note == note


@pytest.mark.parametrize(
    "content",
    [
        {"windows": [window({0: BEYOND})]},
        {"evidence": [evidence(0, item=BEYOND)]},
        {"summaries": [ScoreSummary("blocks.1", BEYOND, *(0.5,) * 7)]},
        {"evidence": [evidence(0, kind="neither")]},
        {"windows": [window({0: 1}, layer="\ud800")]},
    ],
    ids=["a count", "a number", "a sum", "a check", "an encoding"],
)
def test_a_refused_row_is_no_outage_and_writes_nothing(
    store: Store, content: dict[str, list[object]]
) -> None:
    with pytest.raises(RowRefused) as caught:
        store.flush(flush(advance(None, 1), **content))  # type: ignore[arg-type]
    assert not caught.value.retryable
    assert store.partitions(STREAM) == []


def test_the_other_rows_of_the_flush_are_kept(careful: Store, told: list[RefusedRow]) -> None:
    good = [window({0: 1}, segment=f"camera={n}") for n in range(20)]
    shown = [evidence(n) for n in range(5)]
    record = flush(
        advance(None, 25),
        windows=[*good[:7], window({0: BEYOND}), *good[7:]],
        evidence=[*shown[:2], evidence(9, item=BEYOND), *shown[2:]],
        summaries=[ScoreSummary("blocks.1", 9, *(0.5,) * 7)],
    )
    careful.flush(record)
    assert {row.segment for row in windows(careful)} == {row.segment for row in good}
    assert careful.evidence(STREAM) == shown
    assert len(careful.summaries(STREAM)) == 1
    assert careful.partitions(STREAM)[0].next_offset == 25
    lost = [(row.kind, row.of) for row in told if row.is_lost]
    assert sorted(lost) == [("evidence", "*"), ("window", "*")]


@pytest.mark.postgres
def test_a_segment_that_is_refused_for_its_name_counts_as_other(postgres_url: str) -> None:
    told: list[RefusedRow] = []
    database = Database(postgres_url)
    database.upgrade()
    store = Store(database, on_refused=told.extend)
    store.ensure_stream(STREAM, "images", 60)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE series ADD CHECK (segment <> 'camera=bad')"))
    rows = [window({0: 2}, segment=name) for name in ("*", "camera=bad", "camera=~other")]
    store.flush(flush(advance(None, 2), windows=rows))
    assert {row.segment: row.events for row in windows(store)} == {"*": 2, "camera=~other": 4}
    assert [(row.of, row.is_lost) for row in told] == [("camera=bad", False)]
    assert "refused a row because of its content" in told[0].reason
    database.close()


def test_scores_that_are_no_number_stop_nobody(careful: Store, told: list[RefusedRow]) -> None:
    odd = window({0: 1}, segment="camera=3", scores=(float("nan"), 0.5))
    careful.flush(flush(advance(None, 2), windows=[window({0: 2}), odd]))
    kept = {row.segment for row in windows(careful)}
    assert kept | {row.of for row in told if row.is_lost} >= {"*"}
    assert ("camera=3" in kept) or [row.of for row in told] == ["camera=3", "camera=~other"]


def test_a_stale_flush_stays_stale(careful: Store, told: list[RefusedRow]) -> None:
    careful.flush(flush(advance(None, 5)))
    stale = replace(flush(advance(None, 9)), windows=[window({0: BEYOND})])
    with pytest.raises(Exception, match="nothing was written"):
        careful.flush(stale)
    assert told == []
