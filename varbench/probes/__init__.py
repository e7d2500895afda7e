"""Probes: what needs the trained networks themselves, run again on data: forward passes, gradients, curvature."""

from varbench.probes.networks import TrainedNetworks

__all__ = ["TrainedNetworks"]
