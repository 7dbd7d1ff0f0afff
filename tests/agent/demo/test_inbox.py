"""The demonstration's webhook takes what the agent's own sink sends, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgauge.agent.clock import SystemClock
from driftgauge.agent.demo.inbox import Inbox
from driftgauge.agent.errors import NotificationUndelivered
from driftgauge.agent.notify.sinks.webhook import WebhookSink

from ..notify.notices import notice


def test_what_the_agent_sends_is_kept_once_and_a_forged_message_is_refused(tmp_path: Path) -> None:
    with Inbox(tmp_path / "webhook.jsonl") as inbox:
        sink = WebhookSink(inbox.url, inbox.secret, SystemClock())
        sink.send(notice())
        sink.send(notice())  # repeated after a crash, under its key
        sink.close()
        forger = WebhookSink(inbox.url, "guess", SystemClock())
        with pytest.raises(NotificationUndelivered, match="answered 403"):
            forger.send(notice(key="another"))
        forger.close()
    (message,) = inbox.messages
    assert (message.title, message.kind) == (notice().title, "opened")
    assert len((tmp_path / "webhook.jsonl").read_text().splitlines()) == 1
