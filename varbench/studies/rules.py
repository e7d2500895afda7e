"""What decision rules are made of: where an interval lies, and how decisions add up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from varbench.stats.estimate import Estimate
from varbench.studies.study import Answer, Part, Verdict


def above(estimate: Estimate, threshold: float) -> bool | None:
    """Whether the whole interval lies above a threshold: True, False if it lies wholly at or below, else None."""
    if estimate.low is None or estimate.high is None:
        return None
    return True if estimate.low > threshold else False if estimate.high <= threshold else None


def below(estimate: Estimate, threshold: float) -> bool | None:
    """Whether the whole interval lies below a threshold: True, False if it lies wholly at or above, else None."""
    if estimate.low is None or estimate.high is None:
        return None
    return True if estimate.high < threshold else False if estimate.low >= threshold else None


def every(holds: Sequence[bool | None]) -> bool | None:
    """Whether all hold: True, False if one does not, None if one cannot be told or there are none."""
    if any(h is False for h in holds):
        return False
    return True if holds and all(holds) else None


def answer(parts: Sequence[Part]) -> Answer:
    """All parts hold: supported. One does not: contradicted. Otherwise, or without parts: inconclusive."""
    holds = [part.holds for part in parts]
    if parts and all(holds):
        return "supported"
    return "contradicted" if any(h is False for h in holds) else "inconclusive"


def verdict(condition: str | None, parts: Sequence[Part]) -> Verdict:
    """The decision that parts add up to, with the sentences of the parts that failed, or of all, as its reason."""
    failing = [part.text for part in parts if not part.holds]
    return Verdict(condition, answer(parts), " ".join(failing or [part.text for part in parts]), tuple(parts))


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """The decision about the whole: supported if every condition is, contradicted if one is, else inconclusive."""
    words = [v.verdict for v in verdicts]
    whole: Answer = "inconclusive"
    if words and set(words) == {"supported"}:
        whole = "supported"
    elif "contradicted" in words:
        whole = "contradicted"
    counts = [f"{words.count(w)} {w}" for w in ("supported", "contradicted", "inconclusive") if w in words]
    plural = "recipe" if len(words) == 1 else "recipes"
    return Verdict(None, whole, f"Of {len(words)} {plural}: {', '.join(counts)}." if words else "Nothing was decided.")


def told(estimate: Estimate, *, scale: float = 1.0, digits: int = 1, unit: str = "") -> str:
    """An estimate in a sentence: `12.3 % [11.8, 12.9]`, or why there is none."""
    if estimate.value is None:
        return f"unknown ({estimate.reason})"
    text = f"{fixed(scale * estimate.value, digits)}{' ' if unit else ''}{unit}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{fixed(scale * estimate.low, digits)}, {fixed(scale * estimate.high, digits)}]"


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals, as in print: `−1.2`, and no sign before a number that is written as 0."""
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text


def significant(value: float, digits: int = 2) -> str:
    """A number with so many significant digits, as in print: `0.012`, `−3`, `4.9 × 10⁻⁵`."""
    mantissa, _, exponent = f"{value:.{digits}g}".replace("-", "−").partition("e")
    return f"{mantissa} × 10{str(int(exponent.replace('−', '-'))).translate(_SUPERSCRIPTS)}" if exponent else mantissa


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(estimate: Estimate, *, digits: int = 1) -> str:
    """A fraction in a sentence, in percent."""
    return told(estimate, scale=100.0, digits=digits, unit="%")


@dataclass(frozen=True)
class Weighed:
    """A part with the estimate that it weighs against a threshold, and how the table of claims words it.

    Attributes:
        part: The condition.
        estimate: What it looks at.
        threshold: Where it turns.
        words: The number with its interval and a few words.
    """

    part: Part
    estimate: Estimate
    threshold: float
    words: str

    @property
    def clearness(self) -> float:
        """Distance of the value from the threshold in half lengths of the interval; 0 where there is no interval."""
        value, low, high = self.estimate.value, self.estimate.low, self.estimate.high
        if value is None or low is None or high is None:
            return 0.0
        return abs(value - self.threshold) / ((high - low) / 2) if high > low else math.inf


def deciding_of(verdicts: Sequence[Verdict], weighed: Mapping[str, Sequence[Weighed]]) -> str:
    """The words of the part that decided a study, among the recipes whose verdict is that of the whole.

    Args:
        verdicts: Of the recipes.
        weighed: The parts by the condition of their verdict.
    """
    whole = overall(verdicts).verdict
    return deciding([w for v in verdicts if v.verdict == whole for w in weighed[str(v.condition)]])


def deciding(weighed: Sequence[Weighed]) -> str:
    """The words of the part that decided: the clearest that failed; without one, the least clear that is not sure.

    Of parts that all hold it is the least clear one too: the others would have to move farther to change the answer.
    """
    failed = [w for w in weighed if w.part.holds is False]
    if failed:
        return max(failed, key=lambda w: w.clearness).words
    unsure = [w for w in weighed if w.part.holds is None]
    known = [w for w in unsure or weighed if w.estimate.value is not None]
    return min(known, key=lambda w: w.clearness).words if known else ""
