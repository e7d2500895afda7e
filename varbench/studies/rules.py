"""What decision rules are made of: where an interval lies, and how decisions add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from varbench.analysis.document import LEVEL
from varbench.stats.estimate import Estimate
from varbench.stats.multiple import holm
from varbench.studies.study import Answer, Part, Verdict
from varbench.studies.weighed import Weighed

MORE_DIGITS = 3
"""How many digits more than usual are written to tell numbers apart."""

MOST_DIGITS = 6
"""Digits beyond which a number just below 1 is written as 1."""

PLAIN_BELOW, PLAIN_ABOVE = 4, 6
"""Numbers from 10⁻⁴ to below 10⁶ are written without a power of ten."""

HOLM = (
    "A part fails only where it still does after Holm's correction over all numbers that the rule weighs. Where runs "
    "are all alike and an interval has no width, the sign test stands for it."
)
"""What the rule of every study says of its parts; see `confirmed` and `Weighed`."""


def above(estimate: Estimate, threshold: float) -> bool | None:
    """Whether the whole interval lies above a threshold: True, False if it lies wholly at or below, else None."""
    return Weighed(estimate, "above", threshold).holds


def below(estimate: Estimate, threshold: float) -> bool | None:
    """Whether the whole interval lies below a threshold: True, False if it lies wholly at or above, else None."""
    return Weighed(estimate, "below", threshold).holds


def within(estimate: Estimate, value: float, tolerance: float) -> bool | None:
    """Whether the whole interval lies within a tolerance of a value: True, False if wholly outside, else None."""
    return every([above(estimate, value - tolerance), below(estimate, value + tolerance)])


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


def told(
    estimate: Estimate, *, scale: float = 1.0, digits: int = 1, unit: str = "", beside: float | None = None
) -> str:
    """An estimate in a sentence: `12.3 % [11.8, 12.9]`, or why there is none.

    It has more than the wanted decimals where these would write the value as an end of its interval, or a number as
    the threshold that it stands `beside` (in the units of the estimate); a level other than 95 %
    is named: `[11.8, 12.9 at 90 %]`.
    """
    if estimate.value is None:
        return f"unknown ({estimate.reason})"
    numbers = [x for x in (estimate.value, estimate.low, estimate.high) if x is not None]
    against = numbers if beside is None else [*numbers, beside]
    decimals = _distinct([scale * x for x in against], digits, fixed)
    value, *ends = (f"{fixed(scale * x, decimals)}" for x in numbers)
    return _with_interval(f"{value}{' ' if unit else ''}{unit}", ends, estimate)


def briefly(estimate: Estimate) -> str:
    """An estimate, however small it is, with two significant digits: `1.2 × 10⁻⁶ [0.8 × 10⁻⁶, 1.6 × 10⁻⁶]`.

    The ends of its interval have its decimals and its power of ten. All have more decimals where these would write the
    value as an end, or a number below 1 as 1.
    """
    if not estimate.value or estimate.low is None or estimate.high is None:
        return told(estimate, digits=3)
    numbers = [estimate.value, estimate.low, estimate.high]
    exponent = int(f"{estimate.value:.1e}".partition("e")[2])
    power = 0 if -PLAIN_BELOW <= exponent < PLAIN_ABOVE else exponent
    scaled = [x / 10.0**power for x in numbers]
    against = [*scaled, 1.0] if not power and 0.9 < max(scaled) < 1 else scaled
    decimals = _distinct(against, max(0, 1 - exponent + power), fixed)
    suffix = f" × 10{str(power).translate(_SUPERSCRIPTS)}" if power else ""
    value, *ends = (f"{fixed(x, decimals)}{suffix}" for x in scaled)
    return _with_interval(value, ends, estimate)


def _with_interval(value: str, ends: Sequence[str], estimate: Estimate) -> str:
    """A number as written with its interval as written, and the level of that where it is none of 95 %."""
    if len(ends) < 2:
        return value
    level = "" if estimate.level == LEVEL else f" at {100 * estimate.level:.4g} %"
    return f"{value} [{ends[0]}, {ends[1]}{level}]"


def _distinct(numbers: Sequence[float], digits: int, write: Callable[[float, int], str]) -> int:
    """The least digits from the wanted ones on that write different numbers differently; those where none do."""
    for more in range(digits, digits + MORE_DIGITS + 1):
        if len({write(x, more) for x in numbers}) == len(set(numbers)):
            return more
    return digits


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals, as in print: `−1.2`, and no sign before a number that is written as 0."""
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text


def significant(value: float, digits: int = 2) -> str:
    """A number with so many significant digits, as in print: `0.012`, `−3`, `4.9 × 10⁻⁵`.

    A number just below 1 has as many digits as tell it from 1.
    """
    while 0.9 < abs(value) < 1 and abs(float(f"{value:.{digits}g}")) == 1 and digits < MOST_DIGITS:
        digits += 1
    mantissa, _, exponent = f"{value:.{digits}g}".replace("-", "−").partition("e")
    return f"{mantissa} × 10{str(int(exponent.replace('−', '-'))).translate(_SUPERSCRIPTS)}" if exponent else mantissa


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(estimate: Estimate, *, digits: int = 1, beside: float | None = None) -> str:
    """A fraction in a sentence, in percent."""
    return told(estimate, scale=100.0, digits=digits, unit="%", beside=beside)


def weigh(name: str, weighed: Weighed | Sequence[Weighed], text: str) -> Part:
    """A condition that holds where every number lies on its side, and fails where one lies on the other."""
    numbers = (weighed,) if isinstance(weighed, Weighed) else tuple(weighed)
    return Part(name, every([w.holds for w in numbers]), text, numbers)


def decided(parts: Mapping[str, Sequence[Part]]) -> tuple[Verdict, ...]:
    """The verdicts of a study: one for each condition, and the last about the whole.

    Args:
        parts: The parts of the rule, as far as each goes by itself, by condition.
    """
    verdicts = [verdict(name, found) for name, found in confirmed(parts).items()]
    return (*verdicts, overall(verdicts))


def confirmed(parts: Mapping[str, Sequence[Part]]) -> dict[str, tuple[Part, ...]]:
    """The same parts, where one that fails still fails when all numbers of the study are weighed together.

    A rule supports its claim where all of its parts hold, so that each may be weighed at its own level (an
    intersection–union test, Berger 1982, Technometrics 24, 295–300). It contradicts where any fails: the more numbers,
    the sooner one fails by accident. Hence Holm's correction over all numbers of the study, of which each fails by
    accident with at most half of one minus the level of its interval. A part that does not stand it cannot be told.
    """
    numbers = [w for found in parts.values() for part in found for w in part.weighed]
    adjusted = dict(zip(map(id, numbers), holm([w.p_value for w in numbers]), strict=True))
    count = sum(w.p_value is not None for w in numbers)

    def stands(w: Weighed) -> bool:
        p = adjusted[id(w)]
        return w.holds is False and p is not None and p <= (1 - w.estimate.level) / 2

    def checked(part: Part) -> Part:
        if part.holds is not False or not part.weighed or any(stands(w) for w in part.weighed):
            return part
        doubt = f"It fails by itself, but not surely among the {count} numbers that this rule weighs."
        return replace(part, holds=None, text=f"{part.text} {doubt}")

    return {name: tuple(checked(part) for part in found) for name, found in parts.items()}


def deciding(verdicts: Sequence[Verdict]) -> str:
    """The words of the number that decided a study, with its limit; empty where none was weighed."""
    found = deciding_number(verdicts)
    return "" if found is None else with_limit(found)


def deciding_number(verdicts: Sequence[Verdict]) -> Weighed | None:
    """The number that decided a study; None where none was weighed.

    Among the recipes whose verdict is that of the whole: the clearest number of the parts that failed; where none
    failed, the least clear of the parts that cannot be told, or of all: the others would have to move farther to
    change the answer.
    """
    whole = overall([v for v in verdicts if v.condition is not None]).verdict
    parts = [part for v in verdicts if v.condition is not None and v.verdict == whole for part in v.parts]
    failed = [w for part in parts if part.holds is False for w in part.weighed if w.holds is False]
    if failed:
        return max(failed, key=lambda w: w.clearness)
    unsure = [part for part in parts if part.holds is None]
    numbers = [w for part in unsure or parts for w in part.weighed if not (unsure and w.holds)]
    found = [w for w in numbers if w.estimate.value is not None and not w.gated]
    return max(found, key=lambda w: w.clearness, default=None)


def with_limit(w: Weighed) -> str:
    """Its words and what was claimed of it."""
    return f"{w.words}; claimed: {w.side} {w.limit}" if w.limit else w.words
