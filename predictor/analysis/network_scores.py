"""Scores of generated pictures in the features of a network."""

import logging
import re
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from predictor.analysis.feature_networks import FeatureNetwork
from predictor.analysis.pictures import spaced_rows
from predictor.metrics import class_score, frechet_distance, precision_and_recall

SEEN_BY_NETWORKS = 5000
"""Pictures, and samples, that pass through a feature network, at most."""

SPLITS = 10

COMPARED = 2000
"""Pictures, and samples, that precision, recall, repetition and memory compare, at most."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NetworkScores:
    """Scores in the features of one network."""

    network: str
    pictures: int
    """Test pictures, and as many samples."""
    frechet: float
    """Fréchet distance of the features."""
    precision: float
    recall: float
    class_score: float
    """exp E KL of the samples' classes; see `predictor.metrics.class_score`."""
    class_score_deviation: float
    """Over its splits."""
    class_score_of_test: float

    def named(self) -> dict[str, float]:
        """Return the scores for a model card, with the network in their names."""
        network = re.sub(r"[^a-z0-9]+", "_", self.network.split(",")[0].lower())
        values = asdict(self)
        return {f"{name}_{network}": values[name] for name in ("frechet", "class_score")}


def network_scores(network: FeatureNetwork, test: Tensor, drawn: Tensor) -> NetworkScores:
    """Return the scores of samples against test pictures, both ``(N, C, H, W)`` in [-1, 1].

    Equally many of each are used, at most `SEEN_BY_NETWORKS`, because the distance depends on their
    number: evenly spaced test pictures and the first samples, whose classes come in turn.
    """
    count = min(len(test), len(drawn), SEEN_BY_NETWORKS)
    _logger.info("%s looks at %d test pictures and %d samples", network.name, count, count)
    real, real_classes = network.seen(test[spaced_rows(len(test), count)])
    made, made_classes = network.seen(drawn[:count])
    compared = real[spaced_rows(count, COMPARED)]
    precision, recall = precision_and_recall(compared, made[:COMPARED])
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    splits = min(SPLITS, count)
    score, deviation = class_score(made_classes[order], splits)
    return NetworkScores(
        network=network.name,
        pictures=count,
        frechet=frechet_distance(real, made),
        precision=precision,
        recall=recall,
        class_score=score,
        class_score_deviation=deviation,
        class_score_of_test=class_score(real_classes[order], splits)[0],
    )
