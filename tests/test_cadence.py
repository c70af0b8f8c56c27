"""The rhythm of repeated frames."""

import pytest
import torch
from torch import Tensor

from predictor.cadence import clip_cadence
from predictor.errors import TensorContractError


def clip_of(pattern: str, noise: float = 0.0) -> Tensor:
    """Return a clip with a random picture for each letter; equal letters are equal pictures."""
    generator = torch.Generator().manual_seed(1)
    pictures = {c: torch.rand(3, 8, 8, generator=generator) * 2 - 1 for c in sorted(set(pattern))}
    frames = torch.stack([pictures[letter] for letter in pattern])
    return frames + noise * torch.randn(frames.shape, generator=generator)


@pytest.mark.parametrize(
    ("pattern", "period", "next_repeats"),
    [
        ("AABBCCDDEEFF", 2, (False, True, False)),
        ("AABBCCDDEEF", 2, (True, False, True)),
        ("AAABBBCCCDDD", 3, (False, True, True)),
        ("ABCDDEFGHHIJ", 5, (False, False, True)),
        ("AABBBCCDDDEE", 5, (False, True, True)),
        ("ABCDEEFGHIJJ", 6, (False, False, False)),
        ("AABCDEFFGHIJ", 6, (False, True, False)),
    ],
)
def test_rhythm_is_continued(
    pattern: str, period: int, next_repeats: tuple[bool, bool, bool]
) -> None:
    cadence = clip_cadence(clip_of(pattern))
    assert cadence.period == period
    assert tuple(cadence.will_repeat(ahead) for ahead in (1, 2, 3)) == next_repeats


def test_every_distinct_picture_is_kept_once() -> None:
    assert clip_cadence(clip_of("AABBCCDD")).distinct == [0, 2, 4, 6]


def test_noise_of_a_codec_still_shows_a_repeat() -> None:
    cadence = clip_cadence(clip_of("AABBCCDDEEFF", noise=0.01))
    assert cadence.period == 2


def test_moving_clip_has_no_repeats() -> None:
    cadence = clip_cadence(clip_of("ABCDEFGHIJKL"))
    assert cadence.period is None
    assert not any(cadence.repeats)
    assert not cadence.will_repeat(1)


def test_still_clip_has_no_repeats_to_leave_out() -> None:
    cadence = clip_cadence(clip_of("AAAAAAAAAAAA"))
    assert cadence.distinct == list(range(12))
    assert not cadence.will_repeat(1)


def test_single_hiccup_is_not_a_rhythm() -> None:
    cadence = clip_cadence(clip_of("ABCDEFFGHIJK"))
    assert cadence.repeats.index(True) == 6
    assert cadence.period is None


@pytest.mark.parametrize("pattern", ["ABCDEEEEEEEE", "ABCDEFGHIJJJ", "ABBCDEFGHIJJJ"])
def test_a_clip_that_comes_to_rest_has_no_repeats(pattern: str) -> None:
    cadence = clip_cadence(clip_of(pattern))
    assert cadence.distinct == list(range(len(pattern)))
    assert cadence.period is None


@pytest.mark.parametrize("pattern", ["ABCDEFGHIJJ", "ABBBCDEFGHIII", "AABCCCDEEEFF"])
def test_a_last_run_of_repeats_no_longer_than_an_earlier_one_is_not_rest(pattern: str) -> None:
    cadence = clip_cadence(clip_of(pattern))
    assert len(cadence.distinct) == len(set(pattern))


def test_batch_is_refused() -> None:
    with pytest.raises(TensorContractError, match=r"expected \(T, 3, H, W\)"):
        clip_cadence(torch.zeros(1, 2, 3, 4, 4))
