"""The probe of an encoder's features on labelled pictures, and the baselines beside it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from predictor.analysis.features import FeatureExtractor, ImageEncoder
from predictor.analysis.pictures import (
    PictureParts,
    Pictures,
    Pixels,
    fitted_pictures,
    image_batches,
    mixed_batches,
)
from predictor.analysis.probe import (
    Examples,
    Fit,
    LabelDraws,
    LabelledExamples,
    ProbeScore,
    linear_svms,
    probed,
)
from predictor.analysis.probe_baselines import HOG_COSTS, hog_features, nearest_neighbours
from predictor.analysis.supervised import fresh_encoder, random_trials, supervised_networks
from predictor.data.image_packing import fit_of_shape
from predictor.data.image_parts import TEST, TRAIN, VALIDATION
from predictor.errors import UnusableData
from predictor.progress import Progress

PAPER_DRAWS = 100
PAPER_TRIALS = 64


@dataclass(frozen=True)
class ProbeRequest:
    """How a probe is made; the draws are the paper's if nothing else is said."""

    labels: int
    """How many are shown, as many of each class."""
    draws: int = PAPER_DRAWS
    validation_draws: int = 10
    supervised_draws: int = 5
    """Draws that train the supervised network, at most `draws`; its settings are chosen on one."""
    trials: int = 8
    """Settings tried for it."""
    seed: int = 0
    has_baselines: bool = True


@dataclass(frozen=True)
class ProbeResult:
    """The scores, the probed features first, and what must be known beside them."""

    request: ProbeRequest
    scores: tuple[ProbeScore, ...]
    classes: int
    train: int
    """Pictures of the training part; `validation` of them choose."""
    validation: int
    test: int
    notes: tuple[str, ...]
    skipped: tuple[str, ...]
    """What could not be read, one line each."""

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        return {
            **dataclasses.asdict(self.request),
            "classes": self.classes,
            "train_pictures": self.train,
            "validation_pictures": self.validation,
            "test_pictures": self.test,
            "scores": [
                {
                    "method": score.method,
                    "accuracy": score.mean,
                    "spread": score.spread,
                    "draws": len(score.accuracies),
                    "chosen": score.chosen,
                    "accuracies": score.accuracies,
                    "validation_errors": dict(score.validation_errors),
                }
                for score in self.scores
            ],
            "notes": self.notes,
            "truncated": bool(self.skipped),
            "skipped": list(self.skipped),
        }


def probe_results(
    encoder: ImageEncoder,
    data: Path,
    requests: Sequence[ProbeRequest],
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    *,
    short_side: int | None = None,
) -> list[ProbeResult]:
    """Return what the features of `encoder` reach on the labelled pictures at `data`, per request.

    The requests differ in labels and draws only, so that features are computed once for all.
    Pictures are resized and cropped as `picture_features` says. Tested on the part ``test``, else
    on ``val``, else on a fifth that is drawn here. Raises `UnusableData` for pictures without
    labels and for more labels than there are.
    """
    seed = requests[0].seed
    fit = fit_of_shape(encoder.image_shape, short_side)
    found = fitted_pictures(data, fit, are_labelled=True)
    pictures, notes = _in_two_parts(found, data, seed)
    draws = [
        LabelDraws(pictures.train_labels, each.labels, each.seed, found.class_names)
        for each in requests
    ]
    run = _Run(encoder, pictures, [*zip(requests, draws, strict=True)], device, progress)
    scores = [run.svm("features + linear SVM", encoder)]
    if requests[0].has_baselines:
        scores.append(run.svm("random weights + linear SVM", fresh_encoder(encoder, seed)))
        scores.append(run.supervised())
        try:
            scores.append(run.hog())
        except ModuleNotFoundError:
            notes.append("HOG is left out: it needs scikit-image, in the extra `benchmark`")
        scores.append(run.neighbours())
    return [
        ProbeResult(
            request=request,
            scores=scores_of_request,
            classes=drawn.classes,
            train=len(pictures.train),
            validation=len(drawn.validation),
            test=len(pictures.test),
            notes=tuple(notes),
            skipped=found.skipped,
        )
        for request, drawn, scores_of_request in zip(
            requests, draws, zip(*scores, strict=True), strict=True
        )
    ]


@dataclass(frozen=True, eq=False)
class _Run:
    """The methods, each with a score for every request."""

    encoder: ImageEncoder
    pictures: LabelledExamples
    asked: Sequence[tuple[ProbeRequest, LabelDraws]]
    device: torch.device | str
    progress: Progress | None

    def svm(self, method: str, encoder: ImageEncoder) -> list[ProbeScore]:
        extractor = FeatureExtractor(encoder, torch.device(self.device))
        extractor.measure(mixed_batches(self.pictures.train))
        examples = self._examples(
            lambda pixels: extractor.all_features(image_batches(pixels), len(pixels))
        )
        return self._probed(method, linear_svms(), examples)

    def hog(self) -> list[ProbeScore]:
        return self._probed(
            "HOG + linear SVM", linear_svms(HOG_COSTS), self._examples(hog_features)
        )

    def neighbours(self) -> list[ProbeScore]:
        flat = self._examples(lambda pixels: pixels.reshape(len(pixels), -1) / np.float32(255))
        return self._probed("pixels + nearest neighbours", nearest_neighbours(), flat)

    def supervised(self) -> list[ProbeScore]:
        return [
            probed(
                "the same network, supervised",
                supervised_networks(
                    self.encoder,
                    draws.classes,
                    random_trials(request.trials, request.seed),
                    device=torch.device(self.device),
                ),
                self.pictures,
                draws,
                choosing_draws=1,
                testing_draws=min(request.supervised_draws, request.draws),
                progress=self.progress,
            )
            for request, draws in self.asked
        ]

    def _examples(self, described: Callable[[Pixels], Examples]) -> LabelledExamples:
        return dataclasses.replace(
            self.pictures,
            train=described(self.pictures.train),
            test=described(self.pictures.test),
        )

    def _probed(
        self, method: str, candidates: Mapping[str, Fit], examples: LabelledExamples
    ) -> list[ProbeScore]:
        return [
            probed(
                method,
                candidates,
                examples,
                draws,
                choosing_draws=request.validation_draws,
                testing_draws=request.draws,
                progress=self.progress,
            )
            for request, draws in self.asked
        ]


def _in_two_parts(found: PictureParts, data: Path, seed: int) -> tuple[LabelledExamples, list[str]]:
    """Return what to train and to test on, and what must be said about it."""
    parts = found.parts
    train = parts.get(TRAIN)
    test = parts.get(TEST) or parts.get(VALIDATION)
    if train is None:
        raise UnusableData(f"{data} has no part {TRAIN!r}, only {', '.join(parts)}")
    if test is not None:
        name = TEST if TEST in parts else VALIDATION
        notes = [] if name == TEST else [f"tested on the part {VALIDATION!r}: there is no {TEST!r}"]
        return _labelled(train, test), notes
    order = np.random.default_rng([seed, 3]).permutation(len(train))
    count = len(order) // 5
    if not count:
        raise UnusableData(f"{data} has {len(order)} pictures, too few to test on a fifth")
    rest, held_out = np.sort(order[count:]), np.sort(order[:count])
    note = f"tested on a fifth of the pictures, drawn here: there is no part {TEST!r}"
    return _labelled(train.rows(rest), train.rows(held_out)), [note]


def _labelled(train: Pictures, test: Pictures) -> LabelledExamples:
    assert train.labels is not None
    assert test.labels is not None
    return LabelledExamples(train.pixels, train.labels, test.pixels, test.labels)
