"""Networks behind one contract: `Model(init, apply, permutations)`."""

from varbench.models.model import Model, PermutationGroup, Slot
from varbench.models.options import Options
from varbench.models.registry import MODELS, ModelInfo, build, register

__all__ = ["MODELS", "Model", "ModelInfo", "Options", "PermutationGroup", "Slot", "build", "register"]
