from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from driftgauge.agent.model.predicted_class import predicted_classes

LOGITS = torch.tensor([[0.1, 2.0, -1.0], [5.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    "output", [LOGITS, (LOGITS, 3), [LOGITS], {"logits": LOGITS}, SimpleNamespace(logits=LOGITS)]
)
def test_a_classifiers_output_tells_the_class_however_it_is_wrapped(output: object) -> None:
    found = predicted_classes(output)
    assert found is not None
    assert found.classes.tolist() == [1, 0]
    assert found.confidences.tolist() == pytest.approx([0.8337, 0.9756], abs=1e-4)


def test_probabilities_are_taken_as_they_are() -> None:
    found = predicted_classes(torch.tensor([[0.1, 0.7, 0.2], [0.9, 0.05, 0.05]]).half())
    assert found is not None
    assert found.confidences.tolist() == pytest.approx([0.7, 0.9], abs=1e-3)


@pytest.mark.parametrize(
    "output", [torch.zeros(2, 3, 4, 4), torch.zeros(2, 1), torch.zeros(2), {}, None, (), "text"]
)
def test_another_output_tells_no_class(output: object) -> None:
    assert predicted_classes(output) is None
