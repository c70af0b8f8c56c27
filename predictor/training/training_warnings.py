"""Warnings about training that goes wrong or wastes time, each given once."""

import logging
from collections.abc import Mapping

from predictor.systems.phases import VARIANCE_SHARE

WON_LOSS = 0.01
"""Sum of a discriminator's terms ``real`` and ``fake``, in nats, below which it has won; 2 ln 2 is
chance."""
WON_ITERATIONS = 500
"""Iterations for which it must have stayed below."""
ALIKE_SHARE = 0.05
"""Variance of samples, as a share of that of real pictures, below which they have collapsed."""
ALIKE_FROM = 500
"""Iteration from which that is reported: samples of an untrained generator are all alike."""

WAITING_SHARE = 0.3
"""Share of the time of an iteration from which waiting for its data is reported,"""
WAITING_S = 0.02
"""and time in seconds: below it there is little to gain."""

_logger = logging.getLogger(__name__)


class TrainingWarnings:
    """Inspects the reports of a run and logs warnings.

    A phase with the loss terms ``real`` and ``fake`` is taken for a discriminator. They are
    compared as they are logged, with their weights; with smoothed labels, whose term ``real`` has a
    floor far above 0, no discriminator is said to have won.
    """

    def __init__(self) -> None:
        self._won_since: dict[str, int] = {}
        self._given: set[str] = set()
        self._has_reported = False

    def check_losses(self, numbers: Mapping[str, float], iteration: int, since: int) -> None:
        """Inspect the mean losses ``loss/<phase>/<term>`` of the iterations from `since` on."""
        for name, value in numbers.items():
            if not (name.startswith("loss/") and name.endswith("/real")):
                continue
            phase = name.removeprefix("loss/").removesuffix("/real")
            fake = numbers.get(f"loss/{phase}/fake")
            if fake is None:
                continue
            if value + fake >= WON_LOSS:
                self._won_since.pop(phase, None)
            elif iteration - self._won_since.setdefault(phase, since) >= WON_ITERATIONS:
                self._warn_once(
                    f"won/{phase}",
                    f"the loss of {phase} has been below {WON_LOSS:g} for "
                    f"{iteration - self._won_since[phase]} iterations: it tells every sample from "
                    "a real picture and the generator learns little or nothing. Start again with "
                    "a lower discriminator_optimizer.learning_rate, more dropout or noise or fewer "
                    "maps of the discriminator, or a larger generator",
                )

    def check_loading(self, numbers: Mapping[str, float], remedy: str) -> None:
        """Inspect how long the iterations since the last report waited for data.

        The first report does not count: processes that load have just been started.
        """
        waited_s = numbers["wait_for_data_s"]
        share = waited_s / numbers["time_per_iteration_s"]
        if self._has_reported and share >= WAITING_SHARE and waited_s >= WAITING_S:
            self._warn_once(
                "waiting", f"{100 * share:.0f} % of the time goes into waiting for data; {remedy}"
            )
        self._has_reported = True

    def check_choice(self, name: str, numbers: Mapping[str, float]) -> None:
        """Inspect whether validation measures what chooses the best weights, if anything."""
        if numbers and name not in numbers:
            self._warn_once(
                "choice",
                f"the best weights are chosen by {name}, which validation did not measure (it has "
                f"{', '.join(numbers)}): until it does, the newest are the best",
            )

    def check_validation(self, numbers: Mapping[str, float], iteration: int) -> None:
        """Inspect the validation scores of the system."""
        share = numbers.get(VARIANCE_SHARE)
        if share is not None and share < ALIKE_SHARE and iteration >= ALIKE_FROM:
            self._warn_once(
                "alike",
                f"the samples are nearly one picture: their pixels vary {share:.3f} times as much "
                "as real ones. If the previews stay so, start again with lower learning rates, a "
                "larger batch_size or another seed",
            )

    def _warn_once(self, key: str, message: str) -> None:
        if key not in self._given:
            self._given.add(key)
            _logger.warning("%s", message)
