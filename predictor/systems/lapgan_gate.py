"""The gate of LAPGAN: which of a level's two networks an iteration trains.

Code of Denton et al. 2015 for LSUN.
"""

from collections.abc import Callable, Mapping

from pydantic import Field

from predictor.systems.settings import Table


class GateSettings(Table):
    """The rule that keeps the two networks of a level balanced.

    It decides from the discriminator's errors which of them an iteration trains.
    """

    margin: float = Field(0.3, ge=0)
    """Train the discriminator alone if its error on samples exceeds that on real ones by this."""
    real_limit: float = Field(0.7, ge=0)
    """Train the discriminator as well if its error on real pictures exceeds this."""

    def trains_discriminator(self, fake_error: float, real_error: float) -> bool:
        """Return whether the discriminator is trained, by its mean errors in nats."""
        return fake_error > real_error + self.margin or real_error > self.real_limit

    def trains_generator(self, fake_error: float, real_error: float) -> bool:
        """Return whether the generator is trained, by the discriminator's mean errors in nats."""
        return fake_error <= real_error + self.margin


def passes_gate(
    rule: Callable[[float, float], bool],
    measure: str,
    iteration: int,
    losses: Mapping[str, float],
) -> bool:
    """Apply a rule of the gate to the errors that the phase `measure` has just found.

    Its terms are mean errors times ½, the share of each half of the batch.
    """
    return rule(2 * losses[f"{measure}/fake"], 2 * losses[f"{measure}/real"])
