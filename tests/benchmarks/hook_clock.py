"""How much of the processor's time a model spends in its hooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(slots=True)
class HookClock:
    """Counts seconds in a model's hooks.

    Attributes:
        now: such as `time.process_time`, or `time.thread_time` where other threads work, too.
    """

    now: Callable[[], float]
    seconds: float = 0.0

    def watch(self, model: nn.Module) -> None:
        """Count from now on."""
        for module in model.modules():
            for hooks in (module._forward_pre_hooks, module._forward_hooks):
                for key in hooks:
                    hooks[key] = self._timed(hooks[key])

    def _timed(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            started = self.now()
            result = hook(*arguments)
            self.seconds += self.now() - started
            return result

        return run
