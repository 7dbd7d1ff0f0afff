"""The detector: layer taps, layer-wise diffusion, conformal calibration.

Example:
    >>> import torch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).eval()
    >>> with LayerTaps(model, ["0", "1"]) as taps:
    ...     _ = model(torch.zeros(2, 3, 8, 8))
    ...     sorted(taps.pooled())
    ['0', '1']
"""

from .artifact import load_detector, read_manifest, save_detector
from .calibration import Calibration
from .cells import CELL_NUMBERS, CELLS
from .comparison import Comparison, auroc, compare_methods, recommend
from .detector import COMBINED, Detector, fit_detector, score_all
from .errors import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactMismatch,
    ArtifactTooNew,
    DetectorError,
    LayerNotFound,
    LayerSilent,
    ModelNotTappable,
    NonFiniteScore,
    NotFitted,
    ReferenceTooSmall,
    ShapeMismatch,
)
from .faults.book import FaultBook
from .faults.kinds import FAULTS, FROZEN, damage_image
from .faults.learning import learn_faults
from .faults.names import FaultNames
from .faults.traits import Traits
from .fitting import Progress, Training
from .identity import ModelIdentity, hash_weights
from .layout import Layout
from .methods import METHOD_KINDS, METHODS
from .moment import layer_of, layers_of, with_roughness
from .naming import lacking, name_faults
from .normaliser import NORMALISER_KINDS, NormaliserKind
from .pixels import PIXELS, STATISTICS, measure_picture, measure_pixels, measure_samples
from .preset import LEAN, PAPER, Preset
from .probes import CONTENT_PROBES, COVARIATE_PROBES, PROBES, probe_image
from .reference import (
    N_P_VALUE_BINS,
    P_VALUE_EDGES,
    ReferenceWindows,
    count_windows,
    p_value_bins,
    reference_windows,
)
from .roughness import has_telling_roughness
from .sampling import PixelSample, sample_pixels
from .selection import describe_layers, select_layers
from .splitting import MIN_EVENTS, split_reference
from .taps import LayerTaps

__all__ = [
    "CELLS",
    "CELL_NUMBERS",
    "COMBINED",
    "CONTENT_PROBES",
    "COVARIATE_PROBES",
    "FAULTS",
    "FROZEN",
    "LEAN",
    "METHODS",
    "METHOD_KINDS",
    "MIN_EVENTS",
    "NORMALISER_KINDS",
    "N_P_VALUE_BINS",
    "PAPER",
    "PIXELS",
    "PROBES",
    "P_VALUE_EDGES",
    "STATISTICS",
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactMismatch",
    "ArtifactTooNew",
    "Calibration",
    "Comparison",
    "Detector",
    "DetectorError",
    "FaultBook",
    "FaultNames",
    "LayerNotFound",
    "LayerSilent",
    "LayerTaps",
    "Layout",
    "ModelIdentity",
    "ModelNotTappable",
    "NonFiniteScore",
    "NormaliserKind",
    "NotFitted",
    "PixelSample",
    "Preset",
    "Progress",
    "ReferenceTooSmall",
    "ReferenceWindows",
    "ShapeMismatch",
    "Training",
    "Traits",
    "auroc",
    "compare_methods",
    "count_windows",
    "damage_image",
    "describe_layers",
    "fit_detector",
    "has_telling_roughness",
    "hash_weights",
    "lacking",
    "layer_of",
    "layers_of",
    "learn_faults",
    "load_detector",
    "measure_picture",
    "measure_pixels",
    "measure_samples",
    "name_faults",
    "p_value_bins",
    "probe_image",
    "read_manifest",
    "recommend",
    "reference_windows",
    "sample_pixels",
    "save_detector",
    "score_all",
    "select_layers",
    "split_reference",
    "with_roughness",
]
