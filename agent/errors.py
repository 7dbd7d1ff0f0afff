"""What can go wrong in the agent.

AgentError
  SettingsError              the user's settings cannot be used
    MissingPackage           a package that the settings or the events need is not installed
  EventError                 one event's fault: it goes to the dead-letter topic, the stream continues
    EventSchemaError         its envelope: size, headers, time
    EventDecodeError         its bytes: not an image, truncated, too many pixels
    EventFetchError          the picture that it refers to cannot be had
    EventUnsupported         its format is known, and cannot be read with what is installed and set
    EventUnscorable          the model's transform refuses it, or the model gives no finite score
    EventOfOtherModel        taps that another model sent: passed over, and told as an alert
    EventUnreadable          the broker's copy of it is corrupt
    EventFault               reading it failed unexpectedly: our fault, most likely
  SourceUnavailable          the broker does not answer now (retryable)
    SourceRefused            it answers, and does not let this agent in (retryable)
  SourceBroken               the broker answers what reading again does not cure
    TopicMissing             the topic does not exist
    TopicRecreated           it was deleted and recreated: the stored offsets are of another one
  ScorerFault                the scorer broke its promise
  ModelFault                 the user's model or transform failed
  NotificationUndelivered    a receiver of alerts did not take one (retryable)
  TemplateFailed             a template of a message cannot be filled in
  KeptTapsUnavailable        where taps are kept cannot be read or written now (retryable)
  KeptTapsMissing            a file of kept taps is not there
  KeptTapsDamaged            a file of kept taps is not what was written
  RetrainingElsewhere        another process retrains the stream
  RetrainingImpossible       the stream has nothing to retrain
  BrokerNotStarted           the broker of the demonstration did not start
"""

from __future__ import annotations

from ..errors import DriftgaugeError


class AgentError(DriftgaugeError):
    """The agent cannot continue."""


class SettingsError(AgentError):
    """The settings cannot be used."""


class MissingPackage(SettingsError):
    """A package that is needed is not installed."""


class EventError(AgentError):
    """The event cannot be used."""


class EventSchemaError(EventError):
    """The event's envelope is not one that this agent reads."""


class EventDecodeError(EventError):
    """The event's bytes are not a picture that this agent reads."""


class EventFetchError(EventError):
    """The picture that the event refers to cannot be had."""


class EventUnsupported(EventError):
    """The event's format cannot be read with what is installed and set."""


class EventUnscorable(EventError):
    """The model cannot score the event."""


class EventOfOtherModel(EventError):
    """The event's taps are not those that the active detector scores.

    It is no dead letter: all events of a serving process are like it until a person acts.

    Attributes:
        n_images: that it holds.
    """

    def __init__(self, message: str, *, n_images: int = 1, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.n_images = n_images


class EventUnreadable(EventError):
    """The broker's copy of the event is corrupt."""


class EventFault(EventError):
    """Reading the event failed unexpectedly."""


class SourceUnavailable(AgentError):
    """The broker does not answer now."""

    retryable = True


class SourceRefused(SourceUnavailable):
    """The broker does not let this agent in."""


class SourceBroken(AgentError):
    """The broker answers what reading again does not cure."""


class TopicMissing(SourceBroken):
    """The topic does not exist."""


class TopicRecreated(SourceBroken):
    """The topic was deleted and recreated; the stored offsets mean nothing in it."""


class GroupTaken(SourceBroken):
    """Another database, or another stream, counts what this consumer group reads."""


class ScorerFault(AgentError):
    """The scorer gave something other than it promised."""


class ModelFault(AgentError):
    """The user's model or transform failed."""


class KeptTapsUnavailable(AgentError):
    """Where taps are kept cannot be read or written now."""

    retryable = True
    hint = "look at keep.path: free space, rights, and the credentials of an object store"


class KeptTapsMissing(AgentError):
    """A file of kept taps is not there."""


class KeptTapsDamaged(AgentError):
    """A file of kept taps is not what was written."""


class RetrainingElsewhere(AgentError):
    """Another process retrains this stream."""

    hint = "driftgauge retrain --list shows how far it is"


class RetrainingImpossible(AgentError):
    """The stream has nothing to retrain."""


class BrokerNotStarted(AgentError):
    """The broker of the demonstration did not start."""


class TemplateFailed(AgentError):
    """A template of a message cannot be filled in."""


class NotificationUndelivered(AgentError):
    """A receiver of alerts did not take a notice.

    Attributes:
        retry_after_seconds: how long the receiver asked to be left alone; 0 when it did not say.
    """

    retryable = True

    def __init__(self, message: str | None = None, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
