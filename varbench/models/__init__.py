"""Networks behind one contract: `Model(init, apply, permutations)`."""

from varbench.models.model import Model
from varbench.models.options import Options
from varbench.models.registry import MODELS, ModelInfo, build, register
from varbench.parameters import PermutationGroup, Slot

__all__ = ["MODELS", "Model", "ModelInfo", "Options", "PermutationGroup", "Slot", "build", "register"]
