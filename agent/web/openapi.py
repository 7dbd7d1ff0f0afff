"""The description of the JSON that the pages' addresses answer, made from the table of pages."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

from pydantic import TypeAdapter

from .page_kinds import PAGES, PageKind, Parameter

_ERRORS = {
    "400": "The request cannot be used.",
    "404": "The database has nothing of that name.",
    "503": "The database does not answer.",
}


def adapters() -> dict[str, TypeAdapter[Any]]:
    """Return what writes each page's values as JSON."""
    return {page.name: TypeAdapter(page.view) for page in PAGES}


def describe_api(written_by: dict[str, TypeAdapter[Any]]) -> dict[str, Any]:
    """Return the OpenAPI document."""
    schemas, shared = TypeAdapter.json_schemas(
        [(name, "serialization", adapter) for name, adapter in written_by.items()],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "driftgauge",
            "version": metadata.version("driftgauge"),
            "description": "What the pages show, read-only: the same addresses, asked with "
            "'Accept: application/json'.",
        },
        "paths": {
            _path(page): {"get": _operation(page, schemas[(page.name, "serialization")])}
            for page in PAGES
        },
        "components": {"schemas": shared.get("$defs", {})},
    }


def _path(page: PageKind) -> str:
    return page.path.replace(":int", "")


def _operation(page: PageKind, schema: Any) -> dict[str, Any]:
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if kind else "string"},
        }
        for name, kind in re.findall(r"\{(\w+)(:int)?\}", page.path)
    ]
    answers: dict[str, Any] = {
        "200": {"description": page.says, "content": {"application/json": {"schema": schema}}}
    }
    answers |= {code: {"description": says} for code, says in _ERRORS.items()}
    return {
        "operationId": page.name,
        "summary": page.says,
        "parameters": in_path + [_parameter(one) for one in page.parameters],
        "responses": answers,
    }


def _parameter(one: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if one.choices:
        schema["enum"] = list(one.choices)
    return {
        "name": one.name,
        "in": "query",
        "required": one.is_needed,
        "description": one.says,
        "schema": schema,
    }
