"""Conditions side by side: every measure with its difference, interval and tests, and what else differs."""

from varbench.analysis.comparing.document import comparison_document
from varbench.analysis.comparing.side import Arm, Side

__all__ = ["Arm", "Side", "comparison_document"]
