"""What is secret about a setting."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import SecretStr
from pydantic.fields import FieldInfo


def is_secret(field: FieldInfo) -> bool:
    """Return whether a setting's value may never be shown."""
    return field.annotation in (SecretStr, SecretStr | None)


def secret_parts(secret: str) -> list[str]:
    """Return what of *secret* must not be shown, as it is written and as it is meant.

    >>> secret_parts("hunter2"), secret_parts("sqlite:///driftgauge.db")
    (['hunter2'], [])
    >>> secret_parts("postgresql://me:a%2Fb@db/drift")
    ['a%2Fb', 'a/b']
    >>> secret_parts("mailto://me:one@a.example mailto://me:two@b.example")
    ['one', 'two']
    """
    if "://" not in secret:
        return [secret]
    found: list[str] = []
    for address in secret.split():
        parts = urlsplit(address)
        found += [*re.findall(r"password=([^&]*)", parts.query), parts.password or ""]
    return [way for part in found if part for way in dict.fromkeys((part, unquote(part)))]


def masked_url(url: str) -> str:
    """Return *url* with its password hidden.

    >>> masked_url("postgresql://me:secret@db:5432/drift")
    'postgresql://me:***@db:5432/drift'
    >>> masked_url("sqlite:///driftgauge.db")
    'sqlite:///driftgauge.db'
    >>> masked_url("what is this")
    '***'
    """
    url = re.sub(r"(password=)[^&]*", r"\1***", url)
    parts = urlsplit(url)
    if not parts.scheme:
        return "***"
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}"))
