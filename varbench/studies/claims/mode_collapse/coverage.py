"""What generators of a mixture cover: estimates over runs, from the counts of their samples in each mode."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from varbench.analysis.catalogue.equivalence import ALPHA, MARGIN
from varbench.analysis.document import LEVEL
from varbench.measures.modes import kept_modes, mode_kl
from varbench.stats.concordance import kendall_estimate
from varbench.stats.equivalence import equivalent_loss
from varbench.stats.estimate import Estimate, estimate_of
from varbench.stats.jackknife import mean_left_out, off_diagonal_row_sums, pair_mean, pair_mean_left_out
from varbench.stats.shares import pair_share_estimate
from varbench.studies.study import Arrays
from varbench.studies.sweeps import over_runs

BLIND = 2.0 * math.log(2.0)
"""Loss in nats of a discriminator that cannot tell."""

LOSS_MARGIN = MARGIN * BLIND

GAME, LIKELIHOOD = 0, 1
"""Places of the generator and of the density model."""


@dataclass(frozen=True)
class Coverage:
    """What the runs of one mixture did; diverged runs are counted and nothing else.

    Attributes:
        label: Name of the mixture.
        n_diverged: Runs with a number that is not finite.
        steps: Where along training the samples were counted.
        counts: Samples that belong to each mode, of generator and density model.
        again: The same at the end, for other samples.
        sharp: Samples of high quality in each mode at the end.
        losses: Discriminator's and generator's mean loss over the last stretch of training.
        n_samples: Samples drawn.
    """

    label: str
    n_diverged: int
    steps: Int[np.ndarray, " C"]
    counts: Int[np.ndarray, "R C 2 K"]
    again: Int[np.ndarray, "R 2 K"]
    sharp: Int[np.ndarray, "R 2 K"]
    losses: Float[np.ndarray, "R 2"]
    n_samples: int

    @property
    def n_runs(self) -> int:
        """Runs that finished."""
        return len(self.counts)

    @property
    def n_modes(self) -> int:
        return self.counts.shape[-1]

    @property
    def n_whole(self) -> int:
        """Runs whose density model keeps all modes."""
        return int(self.kept(LIKELIHOOD).all(-1).sum())

    def kept(self, model: int, check: int = -1) -> Bool[np.ndarray, "R K"]:
        """Which modes each run keeps."""
        return kept_modes(self.counts[:, check, model], n_samples=self.n_samples)

    def covered(self, model: int, check: int = -1) -> Estimate:
        """Share of the modes that are kept."""
        return over_runs(self.kept(model, check).mean(-1), bounds=(0.0, 1.0))

    def near(self, model: int) -> Estimate:
        """Share of the samples that belong to a mode."""
        return over_runs(self.counts[:, -1, model].sum(-1) / self.n_samples, bounds=(0.0, 1.0))

    def quality(self, model: int) -> Estimate:
        """Share of the samples of high quality."""
        return over_runs(self.sharp[:, model].sum(-1) / self.n_samples, bounds=(0.0, 1.0))

    def at_most(self) -> Estimate:
        """Share of the modes that a GAN keeps, and that all its samples beyond 3 SDs of a mode could make up for."""
        kept, sharp = self.kept(GAME).mean(-1), self.sharp[:, GAME].sum(-1) / self.n_samples
        return over_runs(np.minimum(kept + 1.0 - sharp, 1.0), bounds=(0.0, 1.0))

    def captured(self, model: int) -> Estimate:
        """Share of the modes with a sample of high quality, as Srivastava et al. 2017 count."""
        return over_runs((self.sharp[:, model] > 0).mean(-1), bounds=(0.0, 1.0))

    def unevenness(self, model: int) -> Estimate:
        """KL divergence of the histogram over modes from the uniform one, in nats."""
        return over_runs(mode_kl(self.counts[:, -1, model]), bounds=(0.0, math.log(self.n_modes)))

    def other_sets(self) -> Estimate:
        """Share of pairs of runs that keep different modes, less that of runs that do in other samples of their own.

        0 where runs differ from themselves as often as from one another; the interval is that of a share.
        """
        sets, again = self.kept(GAME), kept_modes(self.again[:, GAME], n_samples=self.n_samples)
        sums = off_diagonal_row_sums((sets[:, None] != sets[None]).any(-1).astype(float))
        own = (sets != again).any(-1).astype(float)
        value = pair_mean(sums) - (float(own.mean()) if len(own) else math.nan)
        left_out = pair_mean_left_out(sums) - mean_left_out(own)
        return pair_share_estimate(float(np.clip(value, 0.0, 1.0)), np.clip(left_out, 0.0, 1.0), level=LEVEL)

    def loss_rank(self) -> Estimate:
        """Kendall's correlation over runs of the discriminator's loss with the number of modes kept."""
        return kendall_estimate(self.losses[:, 0], self.kept(GAME).sum(-1).astype(float), level=LEVEL, units="runs")

    def more_with_more_loss(self) -> tuple[int, int]:
        """Pairs of runs in which the one with more modes has the higher loss, and all of unlike numbers of modes."""
        loss, kept = self.losses[:, 0], self.kept(GAME).sum(-1)
        more = kept[:, None] > kept[None]
        return int((more & (loss[:, None] > loss[None])).sum()), int(more.sum())

    def loss_gap(self) -> Estimate:
        """Root-mean-square difference of the discriminator's loss between two runs, with the interval of the test."""
        outcome = equivalent_loss(self.losses[:, 0], margin=LOSS_MARGIN, alpha=ALPHA)
        value, low, high = (math.nan if v is None else v for v in (outcome.difference, outcome.low, outcome.high))
        return estimate_of(
            value,
            low,
            high,
            level=1 - 2 * ALPHA,
            method=outcome.method,
            n_runs=outcome.n_runs,
            n_examples=None,
            reason=outcome.reason,
        )


def coverage(label: str, arrays: Arrays) -> Coverage:
    """From the arrays of `train_generators`."""
    ok = arrays["finished"].astype(bool)
    counts, again, sharp, losses = (arrays[name][ok] for name in ("counts", "again", "sharp", "losses"))
    diverged, n_samples = int((~ok).sum()), int(arrays["n_samples"])
    return Coverage(label, diverged, arrays["steps"], counts, again, sharp, losses[:, -1, :2].astype(float), n_samples)


def in_modes(share: Estimate, n_modes: int) -> Estimate:
    """A share of the modes as their number."""
    value, low, high = (None if v is None else n_modes * v for v in (share.value, share.low, share.high))
    return replace(share, value=value, low=low, high=high)
