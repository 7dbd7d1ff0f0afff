"""An incident in words: how much of what changed, since when, and what that suggests."""

from __future__ import annotations

from datetime import timedelta

from driftgauge.storage import IncidentRecord

from .wording import subject

MINUTE = timedelta(minutes=1)


def incident_subject(incident: IncidentRecord) -> str:
    """Return how a person would call what changed: ``38 of 40 cameras``, or its one segment."""
    if incident.changed < 2 or incident.key is None:  # noqa: PLR2004 - one alone has its own name
        return subject(incident.alert.segment)
    return f"{incident.changed} of {incident.known} {_plural(incident.key)}"


def incident_summary(incident: IncidentRecord) -> str:
    """Return what changed in half a line, with what was released meanwhile."""
    cause = f" ({incident.cause} released meanwhile)" if incident.cause else ""
    return f"{incident_subject(incident)} changed {_within(incident)}{cause}"


def incident_message(incident: IncidentRecord) -> str:
    """Return the claim in a few sentences; of an incident of one alert that alert's own.

    The first alert of many stands for what changed: it is the one with the most evidence so far.
    """
    if incident.members < 2:  # noqa: PLR2004 - alone
        return incident.alert.message
    begun = f"at about {incident.since:%Y-%m-%d %H:%M:%S} UTC"
    parts = [f"{incident_subject(incident)} changed {_within(incident)}, first {begun}"]
    if incident.members > incident.changed:
        parts[0] += f" ({incident.members} alerts)"
    parts.append(_reason(incident))
    if 0 < incident.live < incident.members:
        parts.append(f"{incident.live} of {incident.members} alerts are still unresolved")
    parts.append(f"the first: {incident.alert.message}")
    return "; ".join(part for part in parts if part)


def cause_in_words(cause: str) -> str:
    """Return what was released in the same minutes.

    >>> cause_in_words("model_version=4.2")
    'model_version 4.2 was released in the same minutes, which is the likely cause'
    """
    kind, _, name = cause.partition("=")
    return f"{kind} {name} was released in the same minutes, which is the likely cause"


def _within(incident: IncidentRecord) -> str:
    minutes = max(1, -(-(incident.until - incident.since) // MINUTE))
    return f"within {minutes} minute{'' if minutes == 1 else 's'}"


def _reason(incident: IncidentRecord) -> str:
    if incident.cause is not None:
        return cause_in_words(incident.cause)
    if incident.key is not None and 2 * incident.changed >= incident.known > 2:  # noqa: PLR2004 - most
        kind = _plural(incident.key)
        return f"one cause is likely, such as light, the network or a release, not {incident.changed} {kind}"
    return ""


def _plural(key: str) -> str:
    return f"{key}s" if key.isalpha() else f"values of {key}"
