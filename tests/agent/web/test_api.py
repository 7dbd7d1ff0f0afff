"""The pages' addresses answer programs in JSON, and /openapi.json describes that truly."""

from __future__ import annotations

from typing import Any

from driftgauge.agent.web.page_kinds import PAGES
from driftgauge.storage import Store

from ...stores import STREAM
from .rig import camera_alert, camera_frames, client, fill, served

JSON = {"Accept": "application/json"}
HOME = f"/streams/{STREAM}"


def test_every_page_is_described_with_the_fields_that_it_answers(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),), frames=tuple(camera_frames()))
    with served(url) as address, client(address) as asking:
        described = asking.get("/openapi.json").json()
        assert described["openapi"] == "3.1.0"
        assert len(described["paths"]) == len(PAGES)
        for path, operations in described["paths"].items():
            assert set(operations) == {"get"}  # it only shows
            asked = path.format(stream=STREAM, number=1)
            answer = asking.get(asked, params={"name": "camera=3"}, headers=JSON)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            schema = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            assert_like(answer.json(), schema, described, path)


def assert_like(value: Any, schema: Any, document: Any, at: str) -> None:
    """Compare the names of objects and the kinds of values with a schema."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        assert_like(value, document["components"]["schemas"][name], document, at)
    elif "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        if value is not None and len(kinds) == 1:
            assert_like(value, kinds[0], document, at)
    elif schema.get("type") == "array":
        assert isinstance(value, list), at
        for one in value if "items" in schema else ():
            assert_like(one, schema["items"], document, f"{at}[]")
    elif schema.get("type") == "object" and "properties" in schema:
        assert set(value) == set(schema["properties"]), at
        for name, one in schema["properties"].items():
            assert_like(value[name], one, document, f"{at}.{name}")
    elif schema.get("type") in ("string", "boolean"):
        assert isinstance(value, (str, bool)), at
    elif schema.get("type") in ("integer", "number"):
        assert isinstance(value, (int, float)), at


def test_a_program_that_sends_something_changes_nothing(store: Store, url: str) -> None:
    fill(store, told=(camera_alert(),))
    with served(url) as address, client(address) as asking:
        for method in ("PUT", "DELETE", "PATCH"):
            assert asking.request(method, f"{HOME}/alerts/1").status_code == 405
        assert asking.post(f"{HOME}/alerts/1", json={"do": "resolve"}).status_code == 403
