"""An agent that is killed between sending and noting it repeats that message, and nothing else."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from driftgauge.storage import Judgement, MonitorState, Store

from ..stores import START, STREAM, TOPIC, alert, upgraded

N_ALERTS = 6
DIES_AT = (2, 5, 9)
"""After this many messages taken, the sender is killed before it learns of it."""

SENDER = """
import sys
from driftgauge.agent.settings.load import Settings
from driftgauge.agent.wiring.notify import build_delivery
from driftgauge.storage import Database, Store

url, hook, stream, topic = sys.argv[1:]
settings = Settings.model_validate({
    "stream": {"name": stream, "topic": topic},
    "model": {"factory": "a:b"},
    "notify": {"webhook_url": hook, "max_per_hour": 1000},
})
delivery = build_delivery(settings, Store(Database(url)))
print("ready", flush=True)
sys.stdin.readline()
delivery.turn()
"""


class Assassin:
    """Takes messages, and kills who sends some of them."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int, str]] = []
        self.victim: subprocess.Popen[str] | None = None

    def take(self, key: str, body: bytes) -> None:
        told = json.loads(body)["alerts"][0]["driftgauge"]
        self.taken.append((key, told["alert"], told["kind"]))
        if len(self.taken) in DIES_AT and self.victim is not None:
            self.victim.send_signal(signal.SIGKILL)
            self.victim.wait()


@contextmanager
def assassin() -> Iterator[tuple[Assassin, str]]:
    one = Assassin()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.take(self.headers["Idempotency-Key"], body)
            try:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # nobody listens any more

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield one, f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_kill_between_sending_and_noting_repeats_that_message_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/driftgauge.db"
    database = upgraded(url)
    store = Store(database)
    store.ensure_stream(STREAM, TOPIC, 60)
    store.queue_notifications(STREAM, ["webhook"])
    hours = [START + timedelta(hours=n) for n in range(N_ALERTS)]  # each an incident of its own
    found = [alert(segment=f"camera={n}", since=at, window_start=at) for n, at in enumerate(hours)]
    stored = store.judge(Judgement(STREAM, None, MonitorState(START, "{}"), found))
    for one in stored:
        store.transition_alert(one.id or 0, "resolved", at=START, by="ann")
    with assassin() as (receiver, hook):
        for _ in range(len(DIES_AT) + 1):
            with subprocess.Popen(
                [sys.executable, "-c", SENDER, url, hook, STREAM, TOPIC],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as sender:
                assert sender.stdin is not None
                assert sender.stdout is not None
                assert sender.stdout.readline() == "ready\n"
                receiver.victim = sender
                sender.stdin.write("\n")
                sender.stdin.close()
                sender.wait(timeout=60)
    database.close()
    messages = receiver.taken
    repeated = [one for one, following in itertools.pairwise(messages) if one == following]
    assert len(repeated) == len(DIES_AT)
    assert len(messages) == 2 * N_ALERTS + len(DIES_AT)
    for one in stored:
        kinds = [kind for _, number, kind in dict.fromkeys(messages) if number == one.id]
        assert kinds == ["opened", "resolved"]
