"""Schedules: a factor on a learning rate, a momentum or a decay at an iteration, from 0 on."""

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def linear(iterations: int, start: float = 1.0, end: float = 0.0) -> Schedule:
    """Return a line from `start` at iteration 0 to `end` at `iterations`, constant after that."""
    return lambda iteration: start + (end - start) * _share(iteration, iterations)


def cosine(iterations: int, end: float = 0.0) -> Schedule:
    """Return half a cosine from 1 at iteration 0 to `end` at `iterations`, constant after that.

    Loshchilov and Hutter 2017, eq. 5, without restarts.
    """
    return lambda iteration: (
        end + (1 - end) * (1 + math.cos(math.pi * _share(iteration, iterations))) / 2
    )


def exponential(divisor: float, every: int = 1, least: float = 0.0) -> Schedule:
    """Return 1, divided by `divisor` every `every` iterations, never below `least`."""
    return lambda iteration: max(least, divisor ** -(iteration // every))


def ramp(start: float, end: float, between: tuple[int, int], every: int = 1) -> Schedule:
    """Return `start` up to the first epoch of `between`, `end` from the second, a line in between.

    An epoch is `every` iterations; the value is constant within an epoch.
    """
    first, last = between

    def value(iteration: int) -> float:
        share = (iteration // every - first) / max(1, last - first)
        return start + (end - start) * min(1.0, max(0.0, share))

    return value


def delayed(schedule: Schedule, iterations: int) -> Schedule:
    """Return `schedule` shifted to begin after `iterations`; until then it has its first value."""
    return lambda iteration: schedule(max(0, iteration - iterations))


def unbiased(decay: float) -> Schedule:
    """Return the decay at which an exponential average is corrected for its initial value.

    The average of n iterations is then the one that starts at 0, divided by ``1 - decay ** n``, as
    Adam corrects its moments (Kingma and Ba 2015, section 3). The first decay is 0: whatever the
    average held before is forgotten.
    """
    return lambda iteration: 1 - (1 - decay) / (1 - decay ** (iteration + 1))


def warmed_up(schedule: Schedule, iterations: int) -> Schedule:
    """Return `schedule` times a linear rise to 1 over `iterations`; the first factor is not 0."""
    return lambda iteration: schedule(iteration) * min(1.0, (iteration + 1) / max(1, iterations))


def _share(iteration: int, iterations: int) -> float:
    """Return the share of `iterations` that is over; they are 0 if a delay takes the whole run."""
    return min(1.0, iteration / max(1, iterations))
