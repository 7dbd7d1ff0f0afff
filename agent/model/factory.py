"""The user's own function that builds the model, called once."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import nn

from ..errors import SettingsError
from .user_code import describe_callable, describe_error

_WANTED = "wanted an nn.Module or a pair (nn.Module, transform)"


def build_from_factory(factory: str) -> tuple[nn.Module, Callable[..., Any] | None]:
    """Return what ``package.module:function`` builds: a model, and the transform it wants or None.

    Raises:
        SettingsError: it cannot be found, fails, or returns something else.
    """
    function = _find(factory)
    try:
        built = function()
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise SettingsError(
            f"model.factory {factory!r} failed: {describe_error(error)}", hint=_hint(function)
        ) from error
    return _checked(factory, function, built)


def _find(factory: str) -> Callable[[], Any]:
    module_name, _, name = factory.partition(":")
    module = _import(factory, module_name)
    function = getattr(module, name, None)
    if not callable(function):
        names = [key for key, value in vars(module).items() if callable(value)]
        near = difflib.get_close_matches(name, names, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"cannot find model.factory {factory!r}: {module.__file__ or module_name} has no "
            f"function {name!r}{guess}"
        )
    found: Callable[[], Any] = function
    return found


def _import(factory: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever the user's module raises
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{name}.".startswith(f"{missing}."):
            raise SettingsError(
                f"cannot find model.factory {factory!r}: {error}",
                hint="write package.module:function, importable from where driftgauge runs: from "
                "this folder, from PYTHONPATH, or installed in this environment",
            ) from error
        raise SettingsError(
            f"cannot import {name!r} for model.factory {factory!r}: {describe_error(error)}",
            hint=f"`python -c 'import {name}'` in this folder and environment must work",
        ) from error


def _hint(function: Callable[[], Any]) -> str:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return (
            "driftgauge calls the factory without arguments: give each a default, or name a "
            "function of yours that fills them in"
        )
    return "the factory must run on its own: call it in a Python of this environment and folder"


def _checked(
    factory: str, function: Callable[[], Any], built: Any
) -> tuple[nn.Module, Callable[..., Any] | None]:
    place = describe_callable(function)
    model, transform = built if _is_pair(built) else (built, None)
    if not isinstance(model, nn.Module):
        got = f"the class {model.__name__}" if inspect.isclass(model) else _kind(built)
        raise SettingsError(
            f"model.factory {factory!r} ({place}) returned {got}, {_WANTED}",
            hint="is a `return model` missing?" if built is None else None,
        )
    if transform is not None and not callable(transform):
        raise SettingsError(
            f"model.factory {factory!r} ({place}) returned a transform of type "
            f"{type(transform).__name__}, wanted something to call with a picture"
        )
    return model, transform


def _is_pair(built: Any) -> bool:
    return isinstance(built, tuple | list) and len(built) == 2  # noqa: PLR2004 - model, transform


def _kind(built: Any) -> str:
    if isinstance(built, tuple | list):
        return f"{type(built).__name__} of ({', '.join(type(one).__name__ for one in built)})"
    return type(built).__name__
