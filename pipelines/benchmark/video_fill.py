"""The numbers promised of filling a video with a fixed mask, measured here and now."""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from torch import Tensor

from pipelines.benchmark.clips import texture
from pipelines.benchmark.rows import Row
from pipelines.inputs import videos_in
from predictor.analysis.video_fill_evaluation import (
    clip_scores,
    fixed_hole,
    most_moving,
    panned,
    scores,
)
from predictor.errors import UnusableData
from predictor.video_fill.filler import Filler

CLIPS = 10
PAN_SIZE = (240, 320)
PAN_STEP = (2.3, 0.7)
PAN_FRAMES = 60


def video_fill_rows(
    data: Path | None, filler: Filler, picture: Tensor | None = None
) -> Iterator[Row]:
    """Yield the promised numbers: on the videos in `data` whose camera moves most, and on a pan.

    The pan goes over `picture` ``(3, H, W)`` in [-1, 1], by default a texture. Raises
    `UnusableData` for fewer than `CLIPS` videos.
    """
    if data is not None:
        if not data.is_dir():
            raise UnusableData(f"{data} is not a folder of videos")
        found = []
        for number, path in enumerate(most_moving(videos_in(data), CLIPS)):
            found.append(clip_scores(path, filler, number))
            own = found[-1]
            note = f"change {own.change:.2f} of that around, alone {own.alone_change:.2f}"
            yield Row(f"  {own.name[:40]}", own.gain_db, "dB", note=note)
        what = f"fixed hole of 10 %, {CLIPS} clips"
        note = f"{mean(own.psnr_db for own in found):.2f} dB"
        yield Row(
            f"{what}: PSNR above filling each frame alone",
            mean(own.gain_db for own in found),
            "dB",
            at_least=1.5,
            note=note,
        )
        change = mean(own.change for own in found)
        yield Row(f"{what}: change in the hole over that around it", change, "x", at_most=1.2)
    size = (
        PAN_SIZE[0] + round(PAN_STEP[1] * PAN_FRAMES) + 4,
        PAN_SIZE[1] + round(PAN_STEP[0] * PAN_FRAMES) + 4,
    )
    frames = panned(texture(size, seed=0) if picture is None else picture, PAN_SIZE, PAN_STEP,
                    PAN_FRAMES)  # fmt: skip
    pan = scores("pan", frames, filler, fixed_hole(PAN_SIZE, 1))
    yield Row("a pan that shows all it hides: PSNR in the hole", pan.psnr_db, "dB", at_least=35.0,
              note=f"each frame alone: {pan.alone_psnr_db:.1f} dB")  # fmt: skip
