"""The Parzen log-likelihood of pictures under samples, its width chosen on other pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from predictor.image_sampler import ImageSampler
from predictor.metrics import SIGMAS, parzen_log_likelihood

CHOOSING = 1000
"""Pictures that the width of the window is chosen on (Goodfellow et al. 2014, code)."""


@dataclass(frozen=True)
class Likelihood:
    """A mean over test pictures."""

    nats: float
    standard_error_nats: float
    sigma: float
    """Width of the window."""
    units: str = ""
    """Of the pixels: ``[0, 1]``, or the network's own."""
    nats_of_widths: tuple[float, ...] = ()
    """Mean over the pictures that the width was chosen on, for each width of `SIGMAS`."""


def sampled_likelihood(
    sampler: ImageSampler, values: Tensor, test: Tensor, choosing: Tensor
) -> Likelihood:
    """Return the likelihood of `test` ``(N, C, H, W)`` in [-1, 1] under samples of `sampler`.

    The samples are `values`, as `ImageSampler.values` returns them. Pixels are compared in [0, 1]
    for a network that works in [0, 1] or [-1, 1], otherwise in its own units.
    """
    units = sampler.network.units
    if units.units in ("unit", "signed"):
        found, wanted, chosen = ((x + 1) / 2 for x in (sampler.decoded(values), test, choosing))
        name = "[0, 1]"
    else:
        found, device = values, sampler.device
        wanted, chosen = (units.encoded(x.to(device)).cpu() for x in (test, choosing))
        name = units.units
    return replace(parzen_likelihood(wanted, found, chosen), units=name)


def parzen_likelihood(test: Tensor, samples: Tensor, choosing: Tensor) -> Likelihood:
    """Return the likelihood of `test` ``(N, ...)`` under `samples`, all in the same units.

    The width is the one of `SIGMAS` that suits `choosing` best.
    """
    nats = parzen_log_likelihood(choosing, samples).mean(dim=1)
    sigma = SIGMAS[int(nats.argmax())]
    found = of_values(parzen_log_likelihood(test, samples, [sigma])[0], sigma)
    return replace(found, nats_of_widths=tuple(nats.tolist()))


def of_values(values: Tensor, sigma: float) -> Likelihood:
    """Return the mean of log-likelihoods ``(N,)`` in nats, and its standard error."""
    error = float(values.std(correction=0)) / len(values) ** 0.5
    return Likelihood(float(values.mean()), error, sigma)


def best_window(
    points: Tensor, samples: Tensor, sigmas: Sequence[float] = SIGMAS
) -> tuple[float, float]:
    """Return the highest mean log-likelihood of `points` over `sigmas`, in nats, and its width."""
    found = parzen_log_likelihood(points, samples, sigmas).mean(dim=1)
    best = int(found.argmax())
    return float(found[best]), sigmas[best]
