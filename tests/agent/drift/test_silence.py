"""What falls silent is told, once, by the database's clock; what only pauses as it always does is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftgauge.agent.drift.amounts import SIZE as AMOUNTS_SIZE
from driftgauge.agent.drift.amounts import AmountPattern
from driftgauge.agent.drift.arrivals import ArrivalPattern
from driftgauge.agent.drift.silence_look import GONE
from driftgauge.agent.drift.silence_settings import SilenceSettings
from driftgauge.agent.drift.silence_watch import SilenceWatch
from driftgauge.agent.review.segment_standing import segment_standings
from driftgauge.storage import (
    AlertRecord,
    DetectorRecord,
    FlushRecord,
    HeartbeatRecord,
    OffsetAdvance,
    RecordConflict,
    SegmentAdvance,
    Store,
    WindowRecord,
)

from ...stores import DETECTOR, START, STREAM, TOPIC, HandClock, alert
from .amounts_of import AMOUNTS, fewer_told, thinned
from .arrivals_of import DAY, PATTERNS, silences

CAMERAS = ("camera=a", "camera=b", "camera=c")
Sends = Callable[[int], bool]
SETTINGS = SilenceSettings(stream=STREAM, detector=DETECTOR)


def always(minute: int) -> bool:
    return True


def never(minute: int) -> bool:
    return False


def seldom(minute: int) -> bool:
    return minute % 15 == 0


class Site:
    """Cameras, an agent that flushes each minute, and the look after it."""

    def __init__(self, store: Store, clock: HandClock) -> None:
        self.store, self.clock = store, clock
        self.watch = SilenceWatch(store, SETTINGS)
        self.minute = self.offset = 0

    def run(
        self,
        minutes: int,
        sends: Mapping[str, Sends],
        *,
        condition: str | None = "running",
        backlog: int = 0,
        dated: timedelta = timedelta(0),
    ) -> None:
        """Let time pass.

        Args:
            minutes: how many.
            sends: by camera, whether it sends in a minute.
            condition: of the agent; None where none runs.
            backlog: of the agent, in records.
            dated: by how much all cameras' clocks are off.
        """
        for _ in range(minutes):
            self.clock.advance(60)
            came = [name for name, does in sends.items() if does(self.minute)]
            if came and condition == "running":
                self.flush([*came, "*"], self.clock.at + dated)
            if condition is not None:
                self.store.heartbeat(
                    HeartbeatRecord(
                        agent="a", stream=STREAM, host="h", version="1",
                        condition=condition, lag_messages=backlog,
                    )
                )  # fmt: skip
                self.watch.look()
            self.minute += 1

    def flush(self, segments: list[str], moment: datetime) -> None:
        start = moment.replace(second=0)
        before, self.offset = self.offset or None, self.offset + 1
        counts = (0,) * 17 + (3,)
        self.store.flush(
            FlushRecord(
                stream=STREAM,
                detector=DETECTOR,
                advances=[OffsetAdvance(TOPIC, 0, before, self.offset, moment)],
                windows=[WindowRecord(s, "*", start, counts, 0, 0, 0, 0) for s in segments],
                segments=[SegmentAdvance(s, moment) for s in segments],
            )
        )

    def alerts(self) -> list[tuple[str, str]]:
        """Return segment and state of the alerts, oldest first."""
        return [(one.segment, one.state) for one in reversed(self.store.alerts(STREAM))]


@pytest.fixture
def site(store: Store, clock: HandClock) -> Site:
    return Site(store, clock)


def both(a: Sends, b: Sends) -> dict[str, Sends]:
    return {"camera=a": a, "camera=b": b}


def test_a_camera_that_stops_is_told_and_ends_when_it_sends_again(site: Site) -> None:
    site.run(30, both(always, always))
    stopped = site.clock.at
    site.run(29, both(never, always))
    assert site.alerts() == [], "in its first day it may pause for as long as it was known"
    site.run(3, both(never, always))
    assert site.alerts() == [("camera=a", "open")]
    (told,) = site.store.alerts(STREAM)
    assert (told.test, told.severity, told.since) == ("silence", "warning", stopped)
    assert told.message == (
        f"camera a has fallen silent: no image of it was counted since "
        f"{stopped:%Y-%m-%d %H:%M:%S} UTC, for 30 minutes; the longest pause before, at these hours, "
        "was less than a minute"
    )
    site.run(20, both(never, always))
    assert site.alerts() == [("camera=a", "open")]
    site.run(1, both(always, always))
    assert site.alerts() == [("camera=a", "resolved")]


def test_a_stream_that_is_silent_is_one_alert(site: Site) -> None:
    site.run(30, both(always, seldom))
    site.run(60, both(never, never))
    assert site.alerts() == [("*", "open")]
    (told,) = site.store.alerts(STREAM)
    assert (told.severity, told.message[:16]) == ("critical", "the whole stream")


def test_after_the_streams_silence_a_camera_that_stays_away_is_told_by_itself(site: Site) -> None:
    site.run(30, both(always, always))
    site.run(60, both(never, never))
    site.run(3, both(always, never))
    assert site.alerts() == [("*", "resolved")], "it may have just been slower to come back"
    site.run(65, both(always, never))
    assert site.alerts() == [("*", "resolved"), ("camera=b", "open")]


def test_a_camera_that_always_sends_seldom_is_not_silent(site: Site) -> None:
    site.run(180, both(always, seldom))
    assert site.alerts() == []


@pytest.mark.parametrize("dated", [timedelta(days=-20_000), timedelta(hours=3)])
def test_no_cameras_clock_hides_or_fakes_a_silence(site: Site, dated: timedelta) -> None:
    site.run(30, both(always, always), dated=dated)
    site.run(35, both(never, always), dated=dated)
    assert site.alerts() == [("camera=a", "open")]
    site.run(1, both(always, always), dated=-dated)
    assert site.alerts() == [("camera=a", "resolved")]


@pytest.mark.parametrize(
    ("condition", "backlog"),
    [(None, 0), ("waiting for the broker", 0), ("running", 5000)],
    ids=["no agent runs", "the broker does not answer", "the agent has a backlog"],
)
def test_what_nobody_could_count_is_no_silence(
    site: Site, condition: str | None, backlog: int
) -> None:
    site.run(30, both(always, always))
    site.run(60, both(never, never), condition=condition, backlog=backlog)
    site.run(1, both(always, always))
    site.run(8, both(never, always))
    assert site.alerts() == []


def test_another_agent_goes_on_where_the_first_left_off(site: Site) -> None:
    site.run(30, both(always, always))
    for _ in range(40):
        site.watch = SilenceWatch(site.store, SETTINGS)
        site.run(1, both(never, always))
    assert site.alerts() == [("camera=a", "open")]


def test_the_slower_of_two_looks_writes_nothing(site: Site) -> None:
    site.run(30, both(always, always))
    other = SilenceWatch(site.store, SETTINGS)
    read = site.store.arrivals(STREAM)

    class Late:
        def __getattr__(self, name: str) -> object:
            return getattr(site.store, name)

        def arrivals(self, stream: str) -> object:
            return read

    other._store = Late()  # type: ignore[assignment]  # it read before the first's look
    site.run(1, both(never, always))
    with pytest.raises(RecordConflict, match="were looked at since"):
        other.look()


def drift(site: Site, segment: str) -> AlertRecord:
    from driftgauge.storage import Judgement, MonitorState

    (opened,) = site.store.judge(
        Judgement(STREAM, None, MonitorState(START, ""), [alert(segment=segment)])
    )
    return opened


def test_a_gone_cameras_alerts_end_as_gone(site: Site, clock: HandClock) -> None:
    site.run(30, both(always, always))
    drift(site, "camera=a")
    quick = SilenceSettings(stream=STREAM, detector=DETECTOR, gone_after=timedelta(hours=1))
    site.watch = SilenceWatch(site.store, quick)
    site.run(50, both(never, always))
    assert site.alerts() == [("camera=a", "open"), ("camera=a", "open")]
    site.run(12, both(never, always))
    assert site.alerts() == [("camera=a", GONE), ("camera=a", GONE)]
    site.run(30, both(never, always))
    assert site.alerts() == [("camera=a", GONE), ("camera=a", GONE)]
    site.run(1, both(always, always))
    assert not site.watch._patterns["camera=a"].is_told, "it came back, and can be told again"


def test_status_says_since_when_a_segment_is_silent(site: Site) -> None:
    site.store.register_detector(
        DetectorRecord(DETECTOR, STREAM, "file:d", START, status="active", manifest={})
    )
    site.run(30, both(always, always))
    site.run(35, both(never, always))
    found = {row.segment: row for row in segment_standings(site.store, STREAM, None)}
    assert found["camera=a"].phase == "silent"
    assert found["camera=a"].why == "no image of it was counted since 2026-03-01 12:30 UTC"
    assert found["camera=b"].phase != "silent"


def test_a_pattern_is_stored_to_the_bit() -> None:
    pattern = ArrivalPattern(START, 5)
    for minute in range(200):
        pattern.look(
            START + timedelta(minutes=minute),
            START + timedelta(minutes=minute + 1),
            arrived_at=START + timedelta(minutes=minute + 1),
            events=5 + minute // 7,
        )
    pattern.hold(START.astimezone(UTC), is_told=True)
    kept = pattern.dump()
    loaded = ArrivalPattern.load(kept)
    assert loaded is not None
    assert (loaded.dump(), loaded.held_from, loaded.is_told) == (kept, START, True)
    assert len(kept) < 2640
    assert ArrivalPattern.load(b"\x00" + kept[1:]) is None
    earlier = ArrivalPattern.load(kept[:-AMOUNTS_SIZE])
    assert earlier is not None, "an earlier version knew no amounts"
    assert earlier.amounts.share is None


@pytest.mark.parametrize("name", [name for name in PATTERNS if "Pareto" not in name])
def test_a_fortnight_as_usual_raises_one_alarm_at_most_beside_the_first_night_and_sunday(
    name: str,
) -> None:
    arrived = PATTERNS[name](14 * DAY, np.random.default_rng(1))
    told = silences(arrived)
    assert len([minute for minute in told if minute < 7 * DAY]) <= (2 if "shop" in name else 1)
    assert [minute for minute in told if minute >= 7 * DAY] == []


def test_a_shop_camera_that_dies_by_day_is_told_within_minutes() -> None:
    arrived = PATTERNS["a shop: 8 to 20, not on Sundays"](15 * DAY, np.random.default_rng(2))
    died = 14 * DAY + 60
    arrived[died:] = False
    (told,) = [minute for minute in silences(arrived) if minute >= died]
    assert told - died < 20


def of_nine_days(events: int) -> AmountPattern:
    """Return what a segment shows that sent so many images in each minute until now."""
    pattern, begins = AmountPattern(), START - timedelta(days=9)
    for minute in range(9 * DAY):
        pattern.add(begins + timedelta(minutes=minute + 1), 1.0, events)
    return pattern


def a_quarter(minute: int) -> bool:
    return minute % 4 == 0


def test_a_camera_that_sends_much_less_than_usual_is_told_until_it_sends_as_before(
    site: Site,
) -> None:
    site.run(2, both(always, always))
    for camera in CAMERAS[:2]:
        site.watch._patterns[camera].amounts = of_nine_days(3)
    site.run(170, both(a_quarter, always))
    assert site.alerts() == [], "three whole hours are looked at"
    site.run(20, both(a_quarter, always))
    assert site.alerts() == [("camera=a", "open")]
    (told,) = site.store.alerts(STREAM)
    assert (told.test, told.severity) == ("silence", "warning")
    assert told.message.startswith("camera a sends much less than usual: ")
    assert told.message.endswith("are usual at these hours (25 %); the least before was 100 %")
    site.watch = SilenceWatch(site.store, SETTINGS)
    site.run(200, both(always, always))
    assert site.alerts() == [("camera=a", "resolved")]


def test_what_a_person_ended_is_usual_from_then_on(site: Site) -> None:
    site.run(2, both(always, always))
    amounts = site.watch._patterns["camera=a"].amounts = of_nine_days(3)
    site.run(260, both(a_quarter, always))
    (told,) = site.store.alerts(STREAM)
    site.store.transition_alert(told.id or 0, "resolved", at=site.clock.at, by="ann")
    site.run(130, both(a_quarter, always))
    assert site.alerts() == [("camera=a", "resolved")]
    assert amounts.weeks.max() <= 1, "it learns its amounts anew"


def test_a_stream_that_sends_less_is_one_alert(site: Site) -> None:
    site.run(2, both(always, always))
    for segment in (*CAMERAS[:2], "*"):
        site.watch._patterns[segment].amounts = of_nine_days(3)
    site.run(250, both(a_quarter, a_quarter))
    assert site.alerts() == [("*", "open")]


@pytest.mark.parametrize("name", AMOUNTS)
def test_five_weeks_of_usual_amounts_raise_no_alarm(name: str) -> None:
    assert fewer_told(AMOUNTS[name](35 * DAY, np.random.default_rng(11))) == []


def test_a_third_of_the_usual_amount_is_told_within_hours() -> None:
    amounts = AMOUNTS["at random, 60 an hour"](16 * DAY, np.random.default_rng(3))
    begins = 15 * DAY
    (told,) = fewer_told(thinned(amounts, begins, 0.3, 1))
    assert told - begins <= 300
