"""The numbers promised of `predictor frames`, measured here and now: quality and speed."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch

from pipelines.benchmark.clips import copy_repeated, moving_frames, write_clip
from pipelines.benchmark.costs import command_cost, time_of
from pipelines.benchmark.rows import Row
from pipelines.frames.clip import predict_frames
from pipelines.frames.prediction import NextFrames, load
from predictor.analysis.frames_evaluation import CONSTANT_VELOCITY, Evaluation
from predictor.analysis.frames_summary import gain_over_baselines, mean_over_videos, share_worse
from predictor.media.encoding import VideoWriter
from predictor.media.video import open_video
from predictor.model_files import find_model
from predictor.networks import NETWORKS
from predictor.tensors import rescaled

FULL_HD = (1080, 1920)
SMALL = (480, 854)
PAPER_SIZE = (96, 128)
"""Where the paper's network is timed: at 1920x1080 it would take a quarter of an hour a frame."""

WEIGHTS_BAR_MB = 12.0


def quality_rows(evaluation: Evaluation, method: str) -> list[Row]:
    """Return the promised qualities of `method`; frame 4 only if the evaluation looks that far."""
    rows = []
    for step in (step for step in (1, 4) if step <= evaluation.horizon):
        gain = gain_over_baselines(evaluation, method, step)
        rows.append(
            Row(
                f"PSNR of frame {step} over the better baseline",
                gain.value,
                "dB",
                at_least=0.7,
                note=f"95 %: {gain.low:+.2f} to {gain.high:+.2f}",
            )
        )
    for measure, unit in (("ssim", ""), ("sharpness_db", "dB")):
        own, classical = (
            mean_over_videos(evaluation, name, measure, 1).value
            for name in (method, CONSTANT_VELOCITY)
        )
        name = measure.removesuffix("_db")
        row = Row(f"{name} of frame 1", own, unit, at_least=classical, note="target: that of DIS")
        rows.append(row)
    share = 100 * share_worse(evaluation, method, 1)
    rows.append(Row("windows worse than repeat-last by over 0.1 dB", share, "%", at_most=3.0))
    return rows


def speed_rows(
    model: str, *, next_s: int = 60, long_s: int = 600, threads: int | None = None
) -> Iterator[Row]:
    """Yield the promised speeds as they are measured, on the processor.

    `next_s` is the length of the clip of which every frame is predicted, `long_s` that of the one
    that frames are appended to, both 1080p.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    network = load(model, "cpu")
    own = median(_frame_times(network, count=5))
    yield Row("a predicted 1920x1080 frame", own, "s", at_most=1.0)
    paper = _paper_time() * FULL_HD[0] * FULL_HD[1] / (PAPER_SIZE[0] * PAPER_SIZE[1])
    note = f"timed at {PAPER_SIZE[1]}x{PAPER_SIZE[0]}, scaled by pixels"
    yield Row("the same by the paper's network", paper, "s", note=note)
    yield Row("the paper's network over this one", paper / own, "x")
    with TemporaryDirectory() as name:
        folder = Path(name)
        short = write_clip(folder / "short.mp4", FULL_HD, 10)
        yield _next_row(network, folder, next_s, own)
        clip = write_clip(folder / "small.mp4", SMALL, 10)
        arguments = ["frames", str(clip), "-n", "8", "--model", model, "--device", "cpu"]
        cost = command_cost([*arguments, "-o", str(folder / "small-out.mp4")])
        yield Row("whole command, 480p clip of 10 s, -n 8", cost.time_s, "s", at_most=10.0)
        long = copy_repeated(short, folder / "long.mp4", long_s // 10)
        yield from _append_rows(network, long, folder, long_s)
        yield from _memory_rows(model, short, long, folder, long_s)
    yield Row("predictor --help", _help_time(), "s", at_most=0.5)
    size_mb = find_model(model).stat().st_size / 1e6
    yield Row("weights", size_mb, "MB", at_most=WEIGHTS_BAR_MB)


def _frame_times(network: NextFrames, count: int) -> list[float]:
    """Return the seconds for each of `count` single predictions at 1080p, after a first one."""
    frames = torch.stack([*moving_frames(FULL_HD, network.context_frames + count + 1)])[None]
    times = []
    for start in range(count + 1):
        clip = frames[:, start : start + network.context_frames]
        times.append(time_of(lambda clip=clip: list(network.after(clip, 1))))  # type: ignore[misc] # bound now
    return times[1:]


def _paper_time() -> float:
    config, module = NETWORKS["multiscale"]
    paper: Any = module(config()).eval()
    frames = torch.stack([*moving_frames(PAPER_SIZE, paper.context)])[None]
    clip = rescaled(frames, (-1.0, 1.0), paper.pixel_range)
    with torch.no_grad():
        return min(time_of(lambda: paper(clip)) for _ in range(2))


def _next_row(network: NextFrames, folder: Path, duration_s: int, frame_s: float) -> Row:
    """Return how much longer ``--mode next`` takes than its parts one after another."""
    clip = write_clip(folder / "next.mp4", FULL_HD, duration_s)
    output = folder / "next-out.mp4"
    result = predict_frames(clip, mode="next", model=network, output=output)
    decode_s = encode_s = 0.0
    with open_video(clip) as reader:
        info = reader.info
        with VideoWriter(folder / "again.mp4", info, info.size) as writer:
            start = perf_counter()
            for frame in reader:
                image = frame.image
                read = perf_counter()
                writer.write(image, frame.time - info.start_time)
                decode_s, encode_s = decode_s + read - start, encode_s + perf_counter() - read
                start = perf_counter()
        encode_s += perf_counter() - start
    parts = result.predicted_count * frame_s + decode_s + encode_s
    return Row(
        f"--mode next over {duration_s} s of 1080p: time over network + decode + encode",
        result.seconds["total"] / parts,
        "x",
        at_most=1.15,
        note=f"{result.predicted_count} x {frame_s:.2f} + {decode_s:.0f} + {encode_s:.0f} s alone",
    )


def _append_rows(network: NextFrames, clip: Path, folder: Path, duration_s: int) -> Iterator[Row]:
    copy_s = time_of(lambda: copy_repeated(clip, folder / "copy.mp4"))
    result = predict_frames(clip, 8, model=network, output=folder / "long-out.mp4")
    beyond = result.seconds["total"] - result.seconds["predict"] - copy_s
    what = f"append to {duration_s // 60} min of 1080p H.264"
    note = f"{result.seconds['predict']:.1f} s predicting, {copy_s:.1f} s copying"
    yield Row(f"{what}: beyond prediction and copying", beyond, "s", at_most=5.0, note=note)
    copied = float(result.packets_copied)
    yield Row(f"{what}: source packets copied", copied, "", at_least=1.0, note="1 is yes")


def _memory_rows(model: str, short: Path, long: Path, folder: Path, long_s: int) -> Iterator[Row]:
    peaks = []
    for clip, name in ((short, "10 s"), (long, f"{long_s} s")):
        output = folder / f"memory-{clip.name}"
        arguments = ["frames", str(clip), "-n", "8", "--model", model, "--device", "cpu"]
        peaks.append(command_cost([*arguments, "-o", str(output)]).peak_memory_gb)
        yield Row(f"peak memory, {name} of 1080p", peaks[-1], "GB", at_most=3.0)
        output.unlink()
    yield Row("peak memory, long clip over short", peaks[1] / peaks[0], "x", at_most=1.1)


def _help_time() -> float:
    return median(command_cost(["--help"]).time_s for _ in range(5))
