"""Mode collapse comes from the game that generator and discriminator play, not from the data or a bug."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from varbench.analysis.catalogue.equivalence import MARGIN
from varbench.analysis.described import Described
from varbench.measures.modes import KEPT, NEAR, QUALITY
from varbench.stats.estimate import Estimate
from varbench.studies.claims.mode_collapse.charts import WORDS, along, loss_and_modes, losses, samples, sets
from varbench.studies.claims.mode_collapse.coverage import GAME, LIKELIHOOD, LOSS_MARGIN, Coverage, coverage, in_modes
from varbench.studies.claims.mode_collapse.games import SAMPLES, Mixture, train_generators
from varbench.studies.claims.mode_collapse.generators import Setting
from varbench.studies.rules import HOLM, decided, deciding, percent, told, weigh
from varbench.studies.study import (
    Arrays,
    Case,
    Evidence,
    Experiment,
    Judgement,
    Named,
    Part,
    PopulationPlan,
    Study,
)
from varbench.studies.sweeps import over_runs
from varbench.studies.weighed import Weighed

RUNS = {"smoke": 8, "standard": 16, "full": 64}

SETTINGS = {
    "smoke": Setting(hidden=16, latent=4, batch=32, steps=120, generator_lr=5e-3, discriminator_lr=5e-4),
    "standard": Setting(hidden=64, latent=8, batch=64, steps=5000, generator_lr=2e-3, discriminator_lr=8e-3),
    "full": Setting(hidden=128, latent=16, batch=128, steps=30_000, generator_lr=1e-3, discriminator_lr=4e-3),
}
"""The discriminator learns four times as fast as the generator (Heusel et al. 2017, arXiv 1706.08500)."""

RING = Mixture(tuple((math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)), 0.02)
GRID = Mixture(tuple((0.5 * i, 0.5 * j) for i in range(-2, 3) for j in range(-2, 3)), 0.025)
MIXTURES = {"modes-ring": ("Ring of 8", RING), "modes-grid": ("Grid of 25", GRID)}

COVERED = 0.9
"""Share of the modes below which a generator counts as collapsed, and above which it covers the data."""

OTHER = 0.5
"""Share of pairs of seeds above which the seed decides what is generated."""


def _cases(budget: str) -> tuple[Case, ...]:
    return ()


def _plan(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[PopulationPlan, ...]:
    return ()


def _experiments(cases: Sequence[Case], budget: str, runs: int | None) -> tuple[Experiment, ...]:
    count, setting = RUNS[budget] if runs is None else runs, SETTINGS[budget]
    return tuple(
        Experiment(
            name,
            label,
            lambda listen, mixture=mixture: train_generators(mixture, setting, runs=count, listen=listen),
            {**asdict(setting), **asdict(mixture), "runs": count, "samples": SAMPLES},
        )
        for name, (label, mixture) in MIXTURES.items()
    )


def _judge(evidence: Mapping[str, Evidence], experiments: Mapping[str, Arrays]) -> Judgement:
    found = {name: coverage(MIXTURES[name][0], arrays) for name, arrays in experiments.items()}
    verdicts = decided({name: _parts(c) for name, c in found.items()})
    return Judgement(
        verdicts,
        _headline(found),
        number=deciding(verdicts),
        estimates=tuple(_estimates(found)),
        charts=(
            along(found),
            *(samples(name, *MIXTURES[name], arrays) for name, arrays in experiments.items()),
            *(sets(name, c) for name, c in found.items()),
            losses(found),
        ),
    )


def _parts(c: Coverage) -> tuple[Part, ...]:
    other, gap, kept = c.other_sets(), c.loss_gap(), c.covered(LIKELIHOOD)
    left = f" {c.n_diverged} runs diverged and are left out." if c.n_diverged else ""
    all_but = f"{COVERED * c.n_modes:.3g}"
    return (
        _lost(c, left),
        weigh(
            "seeds differ",
            Weighed(
                other,
                "above",
                OTHER,
                f"{percent(other, digits=0)} of pairs of seeds differ beyond what other samples change ({c.label})",
                f"{100 * OTHER:g} %",
            ),
            f"In {percent(other, digits=0)} of the pairs two seeds keep different modes, beyond what other samples "
            "change.",
        ),
        weigh(
            "similar loss",
            Weighed(
                gap,
                "below",
                LOSS_MARGIN,
                f"losses of two seeds differ by {told(gap, digits=3, unit='nats')} ({c.label})",
                f"{LOSS_MARGIN:.3f} nats",
                ratio=True,
            ),
            f"The losses of their discriminators differ by {told(gap, digits=3, unit='nats')} (root mean square; the "
            f"margin is {LOSS_MARGIN:.3f}) around {told(over_runs(c.losses[:, 0]), digits=3)}, where one that cannot "
            f"tell has 1.386 in any state of the generator. {loss_and_modes(c)}",
        ),
        weigh(
            "not the data",
            Weighed(
                kept,
                "above",
                COVERED,
                f"of {c.n_modes} modes maximum likelihood keeps {told(in_modes(kept, c.n_modes))}",
                all_but,
                unit="fraction",
            ),
            f"Maximum likelihood on the same batches keeps {_of(kept, c.n_modes)} modes, and all of them in "
            f"{c.n_whole} of {c.n_runs} runs.",
        ),
    )


def _lost(c: Coverage, left: str) -> Part:
    """Whether modes are lost, and not merely blurred: samples in no mode may be blurred ones of those not kept."""
    kept, most = c.covered(GAME), c.at_most()
    limit = f"{COVERED * c.n_modes:.3g}"
    text = (
        f"GANs keep {_of(kept, c.n_modes)} modes, with {percent(c.quality(GAME))} of their samples within "
        f"{QUALITY:g} SDs of one; the others could make up for {told(in_modes(most, c.n_modes))} modes in all.{left}"
    )
    keeps = Weighed(
        kept,
        "below",
        COVERED,
        f"of {c.n_modes} modes a GAN keeps {told(in_modes(kept, c.n_modes))}",
        limit,
        unit="fraction",
    )
    words = f"of {c.n_modes} modes a GAN keeps or blurs at most {told(in_modes(most, c.n_modes))}"
    if keeps.holds is False:
        return weigh("modes are lost", keeps, text)
    part = weigh("modes are lost", Weighed(most, "below", COVERED, words, limit, unit="fraction"), text)
    return replace(part, holds=part.holds or None)


def _of(share: Estimate, n_modes: int) -> str:
    """`5.1 [4.4, 5.8] of 8`."""
    return f"{told(in_modes(share, n_modes))} of {n_modes}"


def _headline(found: Mapping[str, Coverage]) -> str:
    lines = []
    for c in found.values():
        if c.n_runs:
            kept = c.kept(GAME).sum(-1)
            lines.append(
                f"{_of(c.covered(GAME), c.n_modes)} modes ({c.label}; {kept.min()} to {kept.max()}, depending on the "
                f"seed), where maximum likelihood keeps {told(in_modes(c.covered(LIKELIHOOD), c.n_modes))}"
            )
    return f"GANs keep {'; '.join(lines)}." if lines else "No run finished."


def _estimates(found: Mapping[str, Coverage]) -> list[Named]:
    rows = []
    for name, c in found.items():
        for model, word in WORDS.items():
            rows += [
                Named(name, "modes_kept", word, c.covered(model)),
                Named(name, "modes_captured", word, c.captured(model)),
                Named(name, "samples_near", word, c.near(model)),
                Named(name, "high_quality", word, c.quality(model)),
                Named(name, "mode_kl", word, c.unevenness(model)),
            ]
        rows += [
            Named(name, "other_modes", None, c.other_sets()),
            Named(name, "discriminator_loss_gap", None, c.loss_gap()),
            Named(name, "modes_loss_rank", None, c.loss_rank()),
            Named(name, "discriminator_loss", None, over_runs(c.losses[:, 0])),
            Named(name, "generator_loss", None, over_runs(c.losses[:, 1])),
        ]
    return rows


STUDY = Study(
    name="mode-collapse",
    title="Mode collapse",
    claim=(
        "Mode collapse is what optimizing a GAN leads to, no bug: it loses modes of its data, other ones with "
        "every seed, at similar loss."
    ),
    citation=(
        "Goodfellow et al. 2014, arXiv 1406.2661; Metz et al. 2017, arXiv 1611.02163; Srivastava et al. 2017, arXiv "
        "1705.07761"
    ),
    rule=(
        f"Of {SAMPLES:,} samples, those within {NEAR:g} of the distance between neighboring modes belong to their "
        f"nearest mode, and a mode is kept if it has at least {KEPT:.0%} of what even shares would give it. For each "
        f"mixture of Gaussians: (1) a GAN keeps less than {COVERED:.0%} of the modes, a mean over seeds, even if all "
        f"its samples beyond {QUALITY:g} SDs of any mode were blurred ones of modes that it does not keep, at their "
        f"even share; keeping {COVERED:.0%} contradicts, in between blur is not told apart from loss; (2) the share "
        "of pairs of seeds that keep different sets of modes, less the share of seeds whose own set changes in other "
        f"samples (0 where that is more), lies above {OTHER:.0%}; (3) the root-mean-square difference in the "
        "discriminator's final loss "
        f"between two seeds lies below {MARGIN:.0%} of 2 ln 2, the loss of one that cannot tell (whole 90 % interval, "
        "two one-sided tests); (4) a mixture of Gaussians fitted to the same batches by gradient on the likelihood "
        f"keeps more than {COVERED:.0%} of the modes. (1), (2) and (4) with whole 95 % intervals over seeds, in (2) "
        "that of the log-odds. All four: "
        f"supported. One wholly on the other side: contradicted. Otherwise inconclusive. {HOLM} Runs that diverged "
        "are left out and counted. The claim is supported if both mixtures support it, and contradicted if one "
        "contradicts it."
    ),
    meaning=(
        "A generator may leave out much of what it was shown. Count what is covered, over several seeds. Whether "
        "another seed leaves out something else is for (2) to tell. Where the loss goes with the number of modes that "
        "are kept, which the chart shows for each mixture, seeds that keep other numbers are not at similar loss: the "
        "loss then does say something about collapse, and the claim fails for that reason. How many modes there are it "
        "does not say. That the control covers everything shows that the data can be covered; its model is another "
        "one, so that it does not show which of objective and network is to blame."
    ),
    limits=(
        "Two mixtures in the plane, small networks, one pair of learning rates. Modes are narrow, but twice as wide "
        "as in the literature (1/38 and 1/20 of their distance), so that small networks learn their width in the time "
        "of the standard budget. The rule and the settings were revised after first results: at the rates of "
        "Metz et al., scaled up, a third of the samples or fewer lay in a mode and the discriminator could not tell, "
        "so that blur looked "
        "like collapse and losses were equal whatever the generator did. Other settings (discriminator faster "
        "than the generator, rates that fall to 0, magnified inputs) were looked for by the share of samples within "
        f"{QUALITY:g} SDs of a mode alone, in some twenty pilots that showed the modes kept, too; and the samples "
        "outside count for the GAN now. Others' GANs reach 98 % and 95 % there (Lin et al. 2018, arXiv 1712.04086, "
        "table 1), with wider networks and longer training. The interval in (2) was revised after the results, too: "
        "that of the difference as it is reached below 0 on the grid. "
        "What is missing is a control with the same generator and no game, which alone would tell the game from the "
        "network; ours is a model of another family, which "
        "suits these data and starts from random points of them. The same generator under losses without a game "
        "(energy distance, maximum mean discrepancy, nearest points) kept all 8 modes of the ring, but on the grid "
        "most of its samples lay in no mode after as many steps, so that it says nothing there and could not be the "
        "control. Unrolling, packing and other objectives that are known to help GANs were not tried."
    ),
    revised=True,
    cases=_cases,
    plan=_plan,
    judge=_judge,
    experiments=_experiments,
    measures={
        "modes_kept": Described(
            "Modes kept",
            "fraction",
            "higher",
            "Share of the modes with a tenth or more of an even share of the samples.",
        ),
        "modes_captured": Described(
            "Modes captured", "fraction", "higher", "Share of the modes with at least one sample of high quality."
        ),
        "samples_near": Described(
            "Samples in a mode",
            "fraction",
            "higher",
            "Share of the samples within a quarter of the distance between neighboring modes.",
        ),
        "high_quality": Described(
            "Samples of high quality", "fraction", "higher", "Share of the samples within 3 SDs of a mode."
        ),
        "mode_kl": Described(
            "Unevenness over modes",
            "nats",
            "lower",
            "KL divergence of the samples' histogram over modes from the uniform one; 0 is even.",
        ),
        "other_modes": Described(
            "Pairs of seeds with other modes",
            "fraction",
            "none",
            "Share of pairs of seeds that keep different modes, less the share of seeds that do in other samples.",
        ),
        "discriminator_loss_gap": Described(
            "Difference in the discriminator's loss",
            "nats",
            "none",
            "Root-mean-square difference between two seeds at the end of training.",
        ),
        "modes_loss_rank": Described(
            "Loss against modes kept", "none", "none", "Kendall's correlation over runs; pairs with a tie count as 0."
        ),
        "discriminator_loss": Described(
            "Discriminator's loss", "nats", "none", "Mean over the last tenth of training; 1.386 if it cannot tell."
        ),
        "generator_loss": Described(
            "Generator's loss", "nats", "lower", "Mean over the last tenth of training, non-saturating."
        ),
    },
)
