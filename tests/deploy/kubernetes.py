"""JSON schemas of Kubernetes' objects, strict, as kubeconform takes them: one file for each kind.

Those of Kubernetes itself come with the package kubernetes-validate, those of the Prometheus Operator and of
KEDA from their own definitions (scripts/deploy-tools).
"""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ..services import go_without

VERSION = "1.36.0"
"""Of Kubernetes."""

_KINDS = (
    "configmap-v1",
    "deployment-apps-v1",
    "job-batch-v1",
    "networkpolicy-networking-v1",
    "persistentvolumeclaim-v1",
    "poddisruptionbudget-policy-v1",
    "secret-v1",
    "service-v1",
    "serviceaccount-v1",
    "statefulset-apps-v1",
)
_CRDS = (
    "keda.sh_scaledobjects",
    "monitoring.coreos.com_podmonitors",
    "monitoring.coreos.com_prometheusrules",
    "monitoring.coreos.com_servicemonitors",
)


def write_schemas(folder: Path) -> str:
    """Write a schema for each kind that is used here; return kubeconform's name for their places."""
    for kind in _KINDS:
        (folder / f"{kind}.json").write_text(json.dumps(_own_schema(kind)))
    for name in _CRDS:
        for kind, schema in _foreign_schemas(name):
            (folder / f"{kind}.json").write_text(json.dumps(schema))
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def _own_schema(kind: str) -> dict[str, Any]:
    """Return Kubernetes' schema with all that it refers to inside it."""
    spec = find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        go_without("kubernetes-validate", "pip install -e '.[test]'")
    package = Path(next(iter(spec.submodule_search_locations)))
    schemas = package / "kubernetes-json-schema" / f"v{VERSION}-local-strict"
    definitions: dict[str, Any] = json.loads((schemas / "_definitions.json").read_text())
    text = (schemas / f"{kind}.json").read_text()
    schema: dict[str, Any] = json.loads(re.sub(r'"[^"]*_definitions\.json#', '"#', text))
    return {**schema, **definitions}


def _foreign_schemas(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the schema of each version of a definition, beside kubeconform's name of its kind."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftgauge"
    path = cache / "crds" / f"{name}.yaml"
    if not path.is_file():
        go_without(f"{path.name}", "run scripts/deploy-tools")
    spec = yaml.safe_load(path.read_text())["spec"]
    group = spec["group"].partition(".")[0]
    return [
        (
            f"{spec['names']['kind'].lower()}-{group}-{version['name']}",
            _closed(version["schema"]["openAPIV3Schema"]),
        )
        for version in spec["versions"]
    ]


def _closed(schema: Any) -> Any:
    """Return *schema* so that an object has no other properties than those that it names.

    The API server would drop the others without a word.
    """
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and not is_open:
        closed["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
        closed["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return closed
