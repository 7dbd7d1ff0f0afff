"""librdkafka's mock cluster: a broker in this process that answers with the errors it is told.

The Python binding does not show it, the library that comes with it does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from driftgauge.agent.stream.connection import KafkaConnection

from .services import go_without

_PRODUCER = 0


class Api(IntEnum):
    """Kinds of request, by their number in Kafka's protocol."""

    FETCH = 1
    LIST_OFFSETS = 2
    OFFSET_COMMIT = 8
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12


class Fault(IntEnum):
    """What a broker answers when it cannot, by its number in Kafka's protocol."""

    UNKNOWN_TOPIC_OR_PARTITION = 3
    NOT_LEADER = 6
    REQUEST_TIMED_OUT = 7
    COORDINATOR_LOADING = 14
    COORDINATOR_NOT_AVAILABLE = 15
    NOT_COORDINATOR = 16
    UNKNOWN_MEMBER_ID = 25
    REBALANCE_IN_PROGRESS = 27


@dataclass(frozen=True, slots=True, kw_only=True)
class MockConnection(KafkaConnection):
    """The mock does not tell which versions it speaks; these it does."""

    def options(self) -> dict[str, Any]:
        return KafkaConnection.options(self) | {"api_version": (2, 3)}


class MockCluster:
    """One broker of the mock; a context manager."""

    consumer_settings: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self._library = _library()
        self._client = 0
        self._cluster = 0

    def __enter__(self) -> MockCluster:
        words = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        self._client = self._library.rd_kafka_new(_PRODUCER, conf, words, len(words))
        assert self._client, words.value.decode()
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def connection(self) -> KafkaConnection:
        servers = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        return MockConnection(bootstrap_servers=(servers,))

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        failed = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, 1
        )
        assert not failed, f"error {failed}"

    def answer(self, api: Api, faults: Sequence[Fault]) -> None:
        """Answer the next requests of this kind with *faults*, one each; begin to count requests."""
        self._library.rd_kafka_mock_stop_request_tracking(self._cluster)
        self._library.rd_kafka_mock_start_request_tracking(self._cluster)
        codes = (ctypes.c_int * len(faults))(*faults)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, api, len(faults), codes
        )

    def n_requests(self, api: Api) -> int:
        """Return how many requests of this kind came since the last `answer`."""
        n = ctypes.c_size_t()
        requests = self._library.rd_kafka_mock_get_requests(self._cluster, ctypes.byref(n))
        kinds = [self._library.rd_kafka_mock_request_api_key(requests[i]) for i in range(n.value)]
        self._library.rd_kafka_mock_request_destroy_array(requests, n.value)
        return kinds.count(api)


@cache
def _library() -> Any:
    try:
        import confluent_kafka
    except ImportError:
        go_without("mock cluster", "install the test extra")
    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    found = sorted(folder.glob("librdkafka*"))
    if not found:
        go_without("mock cluster", "confluent-kafka came without its own library")
    library = ctypes.CDLL(str(found[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "conf_new": (pointer, []),
        "new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "destroy": (None, [pointer]),
        "mock_cluster_new": (pointer, [pointer, number]),
        "mock_cluster_destroy": (None, [pointer]),
        "mock_cluster_bootstraps": (text, [pointer]),
        "mock_topic_create": (number, [pointer, text, number, number]),
        "mock_start_request_tracking": (None, [pointer]),
        "mock_stop_request_tracking": (None, [pointer]),
        "mock_get_requests": (
            ctypes.POINTER(pointer),
            [pointer, ctypes.POINTER(ctypes.c_size_t)],
        ),
        "mock_request_api_key": (ctypes.c_int16, [pointer]),
        "mock_request_destroy_array": (None, [ctypes.POINTER(pointer), ctypes.c_size_t]),
        "mock_push_request_errors_array": (
            None,
            [pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number)],
        ),
    }
    for name, (gives, takes) in signatures.items():
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = gives, takes
    return library
