"""The protocol for the features of a discriminator."""

from predictor.analysis.features import ImageEncoder
from predictor.analysis.probe_run import PAPER_DRAWS, PAPER_TRIALS, ProbeRequest, probe_results
from predictor.reproduction.measured import Measured, Row, Subject

FEWER_DRAWS_TRIALS = 8
"""Settings tried for the supervised network where fewer draws are made than in the paper."""


def radford_2016_features(subject: Subject) -> Measured:
    """Radford et al. 2016, sections 5.1 and 5.2: a linear SVM on features, and its baselines.

    Measured for every number of labels that the recipe names. The settings of the supervised
    baseline are searched as widely as in the paper only where as many draws of labels are made.
    """
    asked = subject.recipe.protocol_settings
    encoder: ImageEncoder = subject.model.network_of(
        ImageEncoder,  # type: ignore[type-abstract] # it only asks for instances
        "discriminator to take features of",
    )
    draws = min(subject.draws, asked.draws)
    scores: dict[str, dict[str, float]] = {}
    spreads: dict[str, dict[str, float]] = {}
    headings, notes = {}, []
    requests = [
        ProbeRequest(
            labels=labels,
            draws=draws,
            validation_draws=min(10, draws),
            trials=PAPER_TRIALS if draws == PAPER_DRAWS else FEWER_DRAWS_TRIALS,
            seed=subject.seed,
        )
        for labels in asked.labels
    ]
    results = probe_results(
        encoder,
        subject.data,
        requests,
        subject.device,
        subject.progress,
        short_side=subject.settings.images.short_side,
    )
    for labels, found in zip(asked.labels, results, strict=True):
        measure = f"{asked.scored_by}_percent_{labels}"
        headings[measure] = f"{asked.scored_by}, %, {labels:,} labels"
        for score in found.scores:
            share = score.mean if asked.scored_by == "accuracy" else 1 - score.mean
            scores.setdefault(score.method, {})[measure] = 100 * share
            if score.spread is not None:
                spreads.setdefault(score.method, {})[measure] = 100 * score.spread
        tested = len(found.scores[0].accuracies)
        is_whole = labels == found.train  # with all labels there is only one draw
        of = "" if is_whole or tested == asked.draws else f" of {asked.draws}"
        notes.append(f"{labels:,} labels: {tested}{of} draws")
        notes += [note for note in found.notes if note not in notes]
    first, *others = scores
    names = {first: f"{subject.model.name}: {first}"}
    return Measured(
        rows=tuple(
            Row(names.get(method, method), scores[method], spreads.get(method, {}))
            for method in (first, *others)
        ),
        headings=headings,
        spread="1.96 deviations over the draws",
        notes=tuple(notes),
    )
