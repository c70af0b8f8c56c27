import pytest
import torch
from made_clips import RollingPredictor
from torch import Tensor

from pipelines.frames.prediction import FRAMES_AT_ONCE, NextFrames
from predictor.errors import OutOfDeviceMemory


def test_a_long_prediction_is_made_in_parts_that_follow_each_other() -> None:
    network = RollingPredictor(context_frames=4)
    clip = torch.rand(1, 6, 3, 4, 512)
    predicted = torch.stack([*NextFrames(network, "rolling").after(clip, 2 * FRAMES_AT_ONCE + 1)])
    whole = RollingPredictor().predict(clip, 2 * FRAMES_AT_ONCE + 1)[0]
    assert torch.equal(predicted, whole)
    assert network.lengths == [6, 4, 4]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), OutOfDeviceMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes"), OutOfDeviceMemory),
        (RuntimeError("sizes do not match"), RuntimeError),
    ],
)
def test_full_memory_is_told_with_what_helps(error: Exception, expected: type[Exception]) -> None:
    class Full(RollingPredictor):
        def predict(self, clip: Tensor, count: int) -> Tensor:
            raise error

    with pytest.raises(expected) as caught:
        next(NextFrames(Full(), "full").after(torch.zeros(1, 2, 3, 8, 16), 1))
    assert type(caught.value) is expected
    if expected is OutOfDeviceMemory:
        assert "16x8" in str(caught.value)
        assert "--device cpu" in str(caught.value)
