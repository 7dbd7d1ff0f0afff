"""How a consumer is set up."""

from __future__ import annotations

from driftgauge.agent.stream.consumer import ConsumerSettings, _options


def test_what_a_flush_asks_does_not_wait_long_behind_a_fetch_that_finds_nothing() -> None:
    assert _options(ConsumerSettings())["fetch_max_wait_ms"] <= 100
