"""What attaching to a serving model promises its host."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from driftgauge.agent import ImageInfo, attach
from driftgauge.agent.errors import EventSchemaError
from driftgauge.agent.events.decode import DecodeSettings, decode_record
from driftgauge.agent.events.event import Event
from driftgauge.agent.events.segment import PREDICTED_CLASS
from driftgauge.agent.events.tap_vectors import TapVectors
from driftgauge.agent.hook.sender import Counts, messages
from driftgauge.detector import LayerNotFound, LayerTaps, ModelNotTappable, hash_weights
from tests.agent.records import NOON, record
from tests.detector.hosts import HOSTS, build_host, images
from tests.detector.models import small_cnn

LAYERS = ["0", "1"]


class Outbox:
    """A producer whose messages stay here; while *gate* is shut its calls do not return."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def send(self, topic: str, **message: Any) -> None:
        self.entered.set()
        self.gate.wait(30)
        self.messages.append({"topic": topic, **message})

    def events(self) -> list[Event]:
        limits = DecodeSettings(segment_headers=("camera", PREDICTED_CLASS))
        decoded: list[Event] = []
        for message in self.messages:
            sent = record(message["value"], headers=dict(message["headers"]))
            events = decode_record(sent, limits, arrived_at=NOON)
            assert isinstance(events, tuple)
            decoded += events
        return decoded

    def taps(self) -> list[TapVectors]:
        return [event.taps for event in self.events() if event.taps is not None]


class Away:
    """A producer whose broker is away; it says for how long."""

    def __init__(self) -> None:
        self.n_calls = 0

    def send(self, topic: str, **message: Any) -> None:
        self.n_calls += 1
        raise ConnectionError(f"no broker for {self.n_calls} s")


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    box = Outbox()
    yield box
    box.gate.set()


def n_hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("name", ["efficientnet", "vit", "detection", "hugging face"])
def test_the_hosts_output_keeps_its_bits_and_its_taps_arrive(name: str, outbox: Outbox) -> None:
    host, model = HOSTS[name], build_host(name)
    layers = list(host.layers)
    with torch.inference_mode():
        with LayerTaps(model, layers) as taps:
            bare = repr(model(images(host.size)))
            wanted = taps.pooled()
        with attach(model, outbox, layers, topic="taps"):
            tapped = repr(model(images(host.size)))
    assert tapped == bare
    assert n_hooks(model) == 0
    for row, sent in enumerate(outbox.taps()):
        for layer in layers:
            close = np.float32(2**-10) * np.abs(wanted[layer][row].numpy()) + 1e-6
            assert (np.abs(sent.vectors[layer] - wanted[layer][row].numpy()) <= close).all()
    assert len(outbox.taps()) == 2


def three_stages() -> nn.Module:
    """Return a model whose layers have 32 x 32, 16 x 16 and 8 x 8 positions."""
    torch.manual_seed(0)
    widths = ((3, 4, 1), (4, 4, 2), (4, 4, 2))
    parts = [nn.Conv2d(a, b, 3, stride=stride, padding=1) for a, b, stride in widths]
    return nn.Sequential(*parts).eval()


@pytest.mark.parametrize(
    ("named", "rough"),
    [
        (["0", "1", "2"], ["0", "1"]),
        (["0", "1", "2", "2~roughness"], ["0", "1", "2"]),
        (["1", "2"], ["1", "2"]),
    ],
)
def test_roughness_is_sent_where_it_tells_something_or_is_named(
    named: list[str], rough: list[str], outbox: Outbox
) -> None:
    model = three_stages()
    with torch.inference_mode(), attach(model, outbox, named, topic="taps"):
        model(images(32, n=1))
    (sent,) = outbox.taps()
    means = [name for name in named if "~" not in name]
    assert set(sent.vectors) == {*means, *(f"{layer}~roughness" for layer in rough)}


def test_each_image_is_an_event_with_what_the_host_knows_of_it(outbox: Outbox) -> None:
    model = small_cnn()
    at = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
    told = [
        ImageInfo(event_id=f"shot-{n}", event_time=at, segments={"camera": "ä3"}) for n in (1, 2)
    ]
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="taps") as attachment:
        with attachment.images([*told, ImageInfo(event_id="shot-3")]):
            model(images(32))
            model(images(32, n=1))
        model(images(32))
    events = outbox.events()
    assert [event.event_id for event in events[:3]] == ["shot-1", "shot-2", "shot-3"]
    assert [(e.event_time, e.segments["camera"]) for e in events[:2]] == [(at, "ä3")] * 2
    assert len({event.event_id for event in events}) == 5
    assert all(event.event_time > at for event in events[2:])
    assert {message["topic"] for message in outbox.messages} == {"taps"}
    assert attachment.counts.sent == 5


def test_the_class_that_the_model_predicts_goes_along_unless_the_host_names_another(
    outbox: Outbox,
) -> None:
    model, at_hand = small_cnn(), ImageInfo(segments={"predicted_class": "cat"})
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t") as attachment:
        classes = model(images(32, n=3)).argmax(dim=1).tolist()
        with attachment.images([at_hand]):
            model(images(32, n=3))
    wanted = [str(number) for number in classes]
    told = [event.segments["predicted_class"] for event in outbox.events()]
    assert told == [*wanted, "cat", *wanted[1:]]


def test_a_model_that_is_no_classifier_tells_no_class(outbox: Outbox) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3)).eval()
    with torch.inference_mode(), attach(model, outbox, ["0"], topic="t"):
        model(images(32))
    assert [dict(event.segments) for event in outbox.events()] == [{}, {}]


IN_A_HOST = """
import sys, kafka, torch
before = set(sys.modules)
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # importing one of them fails as if it were not there
from driftgauge import ImageInfo, attach

class Outbox:
    def send(self, topic, **message):
        assert topic == "sent" and message["value"]

model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval()
with attach(model, Outbox(), ["0", "1"], topic="sent") as attachment:
    with torch.inference_mode(), attachment.images([ImageInfo(segments={"camera": "3"})]):
        model(torch.zeros(1, 3, 8, 8))
assert attachment.counts.sent == 1, attachment.counts
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before - set(sys.argv)}))
"""
OF_THE_AGENT = (
    *("PIL", "alembic", "apscheduler", "httpx", "orjson", "prometheus_client", "pydantic"),
    *("pydantic_settings", "rich", "river", "scipy", "sqlalchemy", "timm", "torchvision", "typer"),
)


def test_attaching_and_sending_needs_torch_numpy_safetensors_and_a_producer_only() -> None:
    command = [sys.executable, "-c", IN_A_HOST, *OF_THE_AGENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    known = sys.stdlib_module_names
    others = {name for name in done.stdout.split() if name not in known and name[0] != "_"}
    assert others - {"torch"} == {"driftgauge", "safetensors", "numpy"} & others
    assert "driftgauge" in others


def test_a_callable_can_tell_of_the_images(outbox: Outbox) -> None:
    def describe(n: int) -> list[ImageInfo]:
        return [ImageInfo(event_id=f"of-{n}-{row}") for row in range(n)]

    model = small_cnn()
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t", describe=describe):
        model(images(32))
    assert [event.event_id for event in outbox.events()] == ["of-2-0", "of-2-1"]


def test_a_pass_is_one_message_and_an_image_that_no_agent_can_keep_goes_alone(
    outbox: Outbox,
) -> None:
    model = small_cnn()
    told = [ImageInfo(event_id=f"e-{n}", segments={"camera": "3"}) for n in range(5)]
    told[2] = ImageInfo(event_id="e-2", segments={"camera": "two\nlines"})
    told[4] = ImageInfo(event_id="e" * 513)
    with (
        torch.inference_mode(),
        attach(model, outbox, LAYERS, topic="t") as attachment,
        attachment.images(told),
    ):
        model(images(32, n=5))
    assert attachment.counts.sent == 5
    together, *alone = outbox.messages
    assert len(alone) == 2
    outbox.messages = [together]
    assert [event.event_id for event in outbox.events()] == ["e-0", "e-1", "e-3"]
    for message in alone:
        outbox.messages = [message]
        with pytest.raises(EventSchemaError, match="cannot be kept"):
            outbox.events()


def test_a_large_pass_is_several_messages_that_brokers_take() -> None:
    plain = [{"ce_id": f"{n}"} for n in range(600)]
    assert [len(rows) for rows in messages(plain, 1000)] == [256, 256, 88]
    assert [len(rows) for rows in messages(plain[:70], 16_384)] == [32, 32, 6]
    assert [len(rows) for rows in messages(plain[:2], 2**20)] == [1, 1]
    assert messages([], 1000) == []


def test_images_that_the_broker_does_not_take_count_as_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refusing:
        def send(self, topic: str, **message: Any) -> Refusing:
            return self

        def get(self, timeout: float) -> None:
            raise TimeoutError("the broker took nothing")

    model = small_cnn()
    with torch.inference_mode(), attach(model, Refusing(), LAYERS, topic="t") as attachment:
        model(images(32, n=3))
    assert attachment.counts == Counts(failed=3)
    assert "the broker took nothing" in caplog.text


def test_a_full_queue_drops_and_counts_and_the_host_goes_on(outbox: Outbox) -> None:
    model = small_cnn()
    outbox.gate.clear()
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t", max_batches=2) as held:
        model(images(32))
        assert outbox.entered.wait(60)
        for _ in range(5):
            model(images(32))  # two wait, three find the queue full
        assert held.counts.dropped == 6
        outbox.gate.set()
    assert held.counts.sent == len(outbox.events()) == 6


def test_leaving_does_not_wait_longer_than_told_and_counts_what_stays(outbox: Outbox) -> None:
    model = small_cnn()
    outbox.gate.clear()
    held = attach(model, outbox, LAYERS, topic="t")
    with torch.inference_mode():
        model(images(32))
        assert outbox.entered.wait(60)
        model(images(32))
    held.close(timeout_seconds=0.1)
    held.close(timeout_seconds=0.1)
    assert held.counts.dropped == 2
    assert n_hooks(model) == 0


def test_a_fault_of_ours_never_reaches_the_host(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    def describe(n: int) -> list[ImageInfo]:
        raise KeyError(n)

    model = small_cnn()
    with torch.inference_mode(), attach(model, Away(), LAYERS, topic="t") as away:
        for _ in range(3):
            assert model(images(32)).shape == (2, 4)
    assert away.counts.failed == 6
    assert caplog.text.count("no broker") == 1
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t", describe=describe) as bad:
        assert model(images(32)).shape == (2, 4)
    assert bad.counts.failed == 2


def test_a_hosts_own_error_passes_and_the_next_pass_is_sent(outbox: Outbox) -> None:
    model = small_cnn()
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t"):
        with pytest.raises(RuntimeError, match="expected input"):
            model(torch.zeros(1, 5, 8, 8))
        model(images(32))
    assert len(outbox.events()) == 2


def test_what_cannot_be_tapped_is_refused_when_attaching(outbox: Outbox) -> None:
    before = set(threading.enumerate())
    with pytest.raises(LayerNotFound, match="'nope' is not in"):
        attach(small_cnn(), outbox, ["nope"], topic="t")
    with pytest.raises(ModelNotTappable, match=r"eval\(\)"):
        attach(small_cnn().train(), outbox, LAYERS, topic="t")
    assert set(threading.enumerate()) <= before


def test_passes_in_train_mode_are_skipped_and_counted(outbox: Outbox) -> None:
    model = small_cnn()
    with attach(model, outbox, LAYERS, topic="t") as attachment:
        model.train()(images(32))
        model.eval()(images(32))
    assert (attachment.counts.skipped, attachment.counts.sent) == (2, 2)


def test_the_origin_names_the_weights_and_the_precision_of_the_pass(outbox: Outbox) -> None:
    model = small_cnn()
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t", preprocessing="as is"):
        model(images(32, n=1))
        with torch.autocast("cpu", torch.bfloat16):
            model(images(32, n=1))
    origins = [taps.origin for taps in outbox.taps()]
    assert [origin.precision for origin in origins] == ["float32", "bfloat16"]
    assert {(o.weights, o.preprocessing) for o in origins} == {(hash_weights(model), "as is")}


def test_numbers_too_large_for_half_precision_go_in_single(outbox: Outbox) -> None:
    model = nn.Sequential(nn.Identity()).eval()
    with attach(model, outbox, ["0"], topic="t"):
        model(torch.full((1, 3), 70_000.0))
        model(torch.full((1, 3), 0.1))
    large, small = outbox.taps()
    assert large.vectors["0"].tolist() == [70_000.0] * 3
    assert [str(taps.vectors["0"].dtype) for taps in (large, small)] == ["float32", "float16"]


def test_threads_that_share_the_model_each_send_their_own(outbox: Outbox) -> None:
    model = small_cnn()

    def serve(n: int, attachment: Any) -> None:
        with torch.inference_mode():
            for turn in range(5):
                names = [ImageInfo(event_id=f"{n}.{turn}.{row}") for row in range(n)]
                with attachment.images(names):
                    model(torch.full((n, 3, 8, 8), float(n)))

    with attach(model, outbox, ["0"], topic="t") as attachment:
        threads = [threading.Thread(target=serve, args=(n, attachment)) for n in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(outbox.events()) == 30
    wanted = {n: mean_of_first_layer(n) for n in (1, 2, 3)}
    for event in outbox.events():
        assert event.taps is not None
        vector = torch.from_numpy(event.taps.vectors["0"].astype(np.float32))
        assert torch.allclose(vector, wanted[int(event.event_id[0])], rtol=2e-3, atol=1e-3)


def mean_of_first_layer(level: int) -> Tensor:
    with torch.inference_mode():
        given: Tensor = small_cnn().get_submodule("0")(torch.full((1, 3, 8, 8), float(level)))
    return given.mean(dim=(0, 2, 3))


def test_a_copy_of_the_model_sends_too_until_the_attachment_is_closed(outbox: Outbox) -> None:
    model = small_cnn()
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t") as attachment:
        copied = copy.deepcopy(model)
        assert torch.equal(copied(images(32)), model(images(32)))
    with torch.inference_mode():
        copied(images(32))
    assert len(outbox.events()) == 4
    assert attachment.counts == Counts(sent=4)


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_model_may_be_compiled_after_it_was_attached_to(outbox: Outbox) -> None:
    model = small_cnn()
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t") as attachment:
        compiled: Any = torch.compile(model, backend="aot_eager")
        outputs = [compiled(images(32, n=n) + n) for n in (2, 2, 3)]
    assert attachment.counts.sent == 7
    with torch.inference_mode():
        bare = [model(images(32, n=n) + n) for n in (2, 2, 3)]
    assert all(torch.equal(a, b) for a, b in zip(outputs, bare, strict=True))


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_model_that_is_made_one_graph_runs_on_and_the_log_tells_once_that_nothing_is_sent(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    model = small_cnn()
    with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t") as attachment:
        bare = repr(model(images(32)))
        compiled: Any = torch.compile(model, backend="aot_eager", fullgraph=True)
        for n in (2, 2, 3):
            compiled(images(32, n=n))
        assert repr(compiled(images(32))) == bare
        exported = torch.export.export(model, (images(32),)).module()
        assert repr(exported(images(32))) == bare
    assert attachment.counts.sent == len(outbox.events()) == 2
    assert caplog.text.count("so no taps are sent; compile it without fullgraph") == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpus_taps_arrive_as_the_cpus_do(outbox: Outbox) -> None:
    sent = []
    for device in ("cpu", "cuda"):
        model = small_cnn().to(device)
        with torch.inference_mode(), attach(model, outbox, LAYERS, topic="t"):
            model(images(32).to(device))
        sent.append(outbox.taps()[-1].vectors["1"])
    assert np.allclose(sent[0], sent[1], atol=1e-2)
