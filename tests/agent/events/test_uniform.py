from __future__ import annotations

import numpy as np

from driftgauge.agent.events.uniform import event_uniform


def test_uniforms_are_uniform_and_depend_on_every_coordinate() -> None:
    drawn = np.array([event_uniform("frames", p, o) for p in range(4) for o in range(5_000)])
    assert np.unique(drawn).size == drawn.size
    assert np.histogram(drawn, 10, (0, 1))[0].min() > 1_800
    assert event_uniform("frames", 0, 1) != event_uniform("other", 0, 1)


def test_uniforms_never_touch_the_ends() -> None:
    assert 0 < event_uniform("", 0, 0) < 1
    assert (2**52 - 1 + 0.5) / 2.0**52 < 1
