"""Templates of messages: Jinja in its sandbox, checked when the settings are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

NAMES = frozenset({
    *("key", "kind", "at", "by", "note", "alert", "stream", "segment", "test", "detector", "state"),
    *("severity", "since", "rate_now", "rate_normal", "events", "layers", "message", "examples"),
    *("link", "title", "text", "incident", "members", "live", "rate_peak", "log_e_value"),
    *("looks_like", "faults"),
})  # fmt: skip
"""What a template may use: the figures of a notice, and the default *title* and *text*."""


def template_environment() -> SandboxedEnvironment:
    """Return the sandbox: no attributes of Python's, no names that do not exist, no large products."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Bounded(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" or not all(isinstance(n, int | float) for n in (left, right)):
                raise TypeError(f"{operator} is not allowed here, except to multiply two numbers")
            return super().call_binop(context, operator, left, right)

    return Bounded(undefined=StrictUndefined, autoescape=False)


def check_template(value: object) -> object:
    """Return *value* if it is a template that can be filled in.

    Raises:
        ValueError: what is wrong with it, and on which line.
    """
    if not isinstance(value, str):
        return value
    from jinja2 import TemplateError, TemplateSyntaxError, meta

    environment = template_environment()
    try:
        unknown = meta.find_undeclared_variables(environment.parse(value)) - NAMES
        environment.from_string(value)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} of the template: {error.message}") from None
    except TemplateError as error:
        raise ValueError(f"the template: {error}") from None
    if unknown:
        raise ValueError(
            f"the template uses {', '.join(sorted(unknown))}, which does not exist; "
            f"there are {', '.join(sorted(NAMES))}"
        )
    return value
