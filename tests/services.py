"""What a test does when something that it needs is not on this machine."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def go_without(what: str, remedy: str) -> NoReturn:
    """Skip with the reason, or fail where services are required."""
    reason = f"no {what} here: {remedy}"
    if os.environ.get("DRIFTGAUGE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
