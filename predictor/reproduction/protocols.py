"""The protocols that published results were tested by, under the names that recipes use."""

from collections.abc import Mapping

from predictor.analysis.mathieu_protocol import measured_as_mathieu
from predictor.reproduction.classifiers import salimans_2016
from predictor.reproduction.codes import chen_2016
from predictor.reproduction.features import radford_2016_features
from predictor.reproduction.generators import denton_2015, goodfellow_2014, radford_2016_samples
from predictor.reproduction.measured import Protocol

PROTOCOLS: Mapping[str, Protocol] = {
    "chen-2016": Protocol(chen_2016, checkpoint="newest"),
    "denton-2015": Protocol(denton_2015, needs_labels=False),
    "goodfellow-2014": Protocol(goodfellow_2014, needs_labels=False),
    "radford-2016-features": Protocol(radford_2016_features, checkpoint="newest"),
    "radford-2016-samples": Protocol(radford_2016_samples),
    "salimans-2016": Protocol(salimans_2016, checkpoint="newest"),
}
"""For recipes of small pictures, which are trained and tested on parts of one data set."""

VIDEO_PROTOCOLS = {"mathieu-2016": measured_as_mathieu}
"""For trained models of videos, tested on videos of another data set."""
