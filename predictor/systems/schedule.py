"""Factors on a learning rate at an iteration, counted from 0."""

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[int], float]


def constant() -> Schedule:
    """Return the factor 1 at every iteration."""
    return lambda iteration: 1.0


def linear(iterations: int, start: float = 1.0, end: float = 0.0) -> Schedule:
    """Return a line from `start` at iteration 0 to `end` at `iterations`, level after it."""
    return lambda iteration: start + (end - start) * _share(iteration, iterations)


def cosine(iterations: int, end: float = 0.0) -> Schedule:
    """Return half a cosine from 1 at iteration 0 to `end` at `iterations`, level after it.

    Loshchilov and Hutter 2017, eq. 5, without restarts.
    """
    return lambda iteration: (
        end + (1 - end) * (1 + math.cos(math.pi * _share(iteration, iterations))) / 2
    )


def steps(boundaries: Sequence[int], factor: float) -> Schedule:
    """Return `factor` to the power of how many `boundaries` lie at or before the iteration."""
    return lambda iteration: factor ** sum(boundary <= iteration for boundary in boundaries)


def exponential(divisor: float, every: int = 1, least: float = 0.0) -> Schedule:
    """Return 1, divided by `divisor` after every so many iterations, never below `least`."""
    return lambda iteration: max(least, divisor ** -(iteration // every))


def ramp(start: float, end: float, between: tuple[int, int], every: int = 1) -> Schedule:
    """Return `start` until the first of two epochs and `end` from the second, a line between.

    An epoch is `every` iterations, over which the value stays.
    """
    first, last = between

    def value(iteration: int) -> float:
        share = (iteration // every - first) / max(1, last - first)
        return start + (end - start) * min(1.0, max(0.0, share))

    return value


def delayed(schedule: Schedule, iterations: int) -> Schedule:
    """Return `schedule` that begins only after so many iterations, at its start until then."""
    return lambda iteration: schedule(max(0, iteration - iterations))


def unbiased(decay: float) -> Schedule:
    """Return the decay of an exponential average in which its first value has no share.

    After n iterations it is the average that begins at 0, over ``1 - decay ** n``, which is the
    share that was averaged (Kingma and Ba 2015, section 3, of their moments).
    """
    return lambda iteration: 1 - (1 - decay) / (1 - decay ** (iteration + 1))


def warmed_up(schedule: Schedule, iterations: int) -> Schedule:
    """Return `schedule` times a rise to 1 over the first `iterations`; the first step is not 0."""
    return lambda iteration: schedule(iteration) * min(1.0, (iteration + 1) / max(1, iterations))


def _share(iteration: int, iterations: int) -> float:
    return min(1.0, iteration / iterations)
