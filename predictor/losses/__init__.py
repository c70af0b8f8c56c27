"""Losses: pure functions of logits or images; weights are applied by the system that names them."""

from predictor.losses.adversarial import (
    fake_loss,
    minimax_generator_loss,
    non_saturating_generator_loss,
    real_loss,
)
from predictor.losses.feature_matching import feature_matching_loss, paired_feature_loss
from predictor.losses.gradient_difference import gradient_difference_loss
from predictor.losses.historical_averaging import historical_averaging_loss
from predictor.losses.label_smoothing import smoothed_divergence, smoothed_loss
from predictor.losses.lp import log_lp_loss, lp_loss
from predictor.losses.masked import (
    masked_gradient_difference_loss,
    masked_log_lp_loss,
    masked_lp_loss,
    overlap_weights,
)
from predictor.losses.mutual_information import (
    categorical_information,
    information_scored_as_normal,
    uniform_information,
)
from predictor.losses.reduction import Reduction, reduced
from predictor.losses.semi_supervised import labelled_loss, real_logits
from predictor.losses.setback import setback_loss

__all__ = [
    "Reduction",
    "categorical_information",
    "fake_loss",
    "feature_matching_loss",
    "gradient_difference_loss",
    "historical_averaging_loss",
    "information_scored_as_normal",
    "labelled_loss",
    "log_lp_loss",
    "lp_loss",
    "masked_gradient_difference_loss",
    "masked_log_lp_loss",
    "masked_lp_loss",
    "minimax_generator_loss",
    "non_saturating_generator_loss",
    "overlap_weights",
    "paired_feature_loss",
    "real_logits",
    "real_loss",
    "reduced",
    "setback_loss",
    "smoothed_divergence",
    "smoothed_loss",
    "uniform_information",
]
