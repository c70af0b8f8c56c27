"""What a person who watched an adversarial run would say, once each."""

import logging
from collections.abc import Mapping

from predictor.systems.image_reports import VARIANCE_SHARE

WON_LOSS = 0.01
"""Of the terms ``real`` and ``fake`` of a discriminator together, in nats: 2 ln 2 where it knows
nothing."""
WON_ITERATIONS = 500
ALIKE_SHARE = 0.05
"""Share of the variance of real pixels below which samples are nearly one picture."""
ALIKE_FROM = 500
"""Iterations before which that is not said: a fresh generator's samples are all alike."""

_logger = logging.getLogger(__name__)


class Watch:
    """Looks at the reports of a run and warns through the log.

    A discriminator is a phase with the loss terms ``real`` and ``fake``.
    """

    def __init__(self) -> None:
        self._won_since: dict[str, int] = {}
        self._is_said: set[str] = set()

    def look_at_losses(self, numbers: Mapping[str, float], iteration: int, since: int) -> None:
        """Take in the mean losses ``loss/<phase>/<term>`` of the iterations from `since` on."""
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
                self._say(
                    f"won/{phase}",
                    f"the loss of {phase} has been below {WON_LOSS:g} for "
                    f"{iteration - self._won_since[phase]} iterations: it tells every sample from "
                    "a real picture and the generator learns little or nothing. Start again with "
                    "a lower discriminator_optimizer.learning_rate, more dropout or noise or fewer "
                    "maps of the discriminator, or a larger generator",
                )

    def look_at_validation(self, numbers: Mapping[str, float], iteration: int) -> None:
        """Take in what the system measured of held-out pictures and samples."""
        share = numbers.get(VARIANCE_SHARE)
        if share is not None and share < ALIKE_SHARE and iteration >= ALIKE_FROM:
            self._say(
                "alike",
                f"the samples are nearly one picture: their pixels vary {share:.3f} times as much "
                "as real ones. If the previews stay so, start again with lower learning rates, a "
                "larger batch_size or another seed",
            )

    def _say(self, what: str, message: str) -> None:
        if what not in self._is_said:
            self._is_said.add(what)
            _logger.warning("%s", message)
