"""A hook under ``torch.compile``: where the graph must not break it is left out, and nothing raises.

What fills a queue cannot stand in a graph. The compiler breaks the graph there, which
``fullgraph=True`` forbids: without this, the host's own call would raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def spare_full_graphs(
    hook: Callable[..., None], on_spared: Callable[[], object]
) -> Callable[..., None]:
    """Return *hook*, which does nothing in code that is compiled without a graph break.

    Args:
        on_spared: called while such code is compiled, once for each graph, and never when it runs.
    """

    def is_spared() -> bool:
        spared = not _may_break()
        if spared:
            on_spared()
        return spared

    # As torch.compiler.assume_constant_result marks it, without the seconds that its import takes:
    # the compiler calls this itself, and its graph has the answer.
    vars(is_spared)["_dynamo_marked_constant"] = True

    def spared(*arguments: Any) -> None:
        if torch.compiler.is_compiling() and is_spared():
            return
        hook(*arguments)

    return spared


def _may_break() -> bool:
    """Return whether the graph that is being compiled may break; False if that is unknown."""
    try:
        from torch._dynamo.symbolic_convert import InstructionTranslator

        compiler: Any = InstructionTranslator.current_tx()
        return not (compiler.one_graph or getattr(compiler, "error_on_graph_break", False))
    except Exception:  # any: these are torch's own insides, and torch.export has none of them
        return False
