"""Each mode of `predict_frames` on real files whose next frames are known."""

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import PIL.Image
import pytest
import torch
from made_clips import (
    HEIGHT,
    WIDTH,
    RollingPredictor,
    decoded,
    pictures,
    psnr,
    rolling,
    write_clip,
    write_images,
)

from pipelines import predict_frames
from pipelines.frames.prediction import NextFrames
from pipelines.frames.request import Mode
from predictor.errors import NotEnoughFrames, OutputExists, OutputIsInput
from predictor.media.images import from_uint8, write_png

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures(20), NTSC)


def test_append_keeps_the_source_and_adds_what_comes_next(clip: Path, tmp_path: Path) -> None:
    result = predict_frames(clip, 5, output=tmp_path / "out.mp4", model=rolling())
    before, _ = decoded(clip)
    shown, times = decoded(result.output)
    assert len(shown) == 25
    assert all((a == b).all() for a, b in zip(before, shown, strict=False))
    for picture, truth in zip(shown[20:], pictures(5, first=20), strict=True):
        assert psnr(picture, truth) > 30
    assert times == [k / NTSC for k in range(25)]
    assert result.predicted_times == tuple(times[20:])
    assert (result.predicted_count, result.first_index, result.context_frames) == (5, 20, 4)
    assert result.packets_copied


def test_append_is_named_beside_the_input(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", pictures(6))
    assert predict_frames(source, 1, model=rolling()).output == tmp_path / "a.predicted.mp4"
    with pytest.raises(OutputExists):
        predict_frames(source, 1, model=rolling())


def test_at_cuts_the_source_and_continues_from_there(clip: Path, tmp_path: Path) -> None:
    result = predict_frames(clip, 2, at=11 / NTSC, output=tmp_path / "out.mp4", model=rolling())
    shown, times = decoded(result.output)
    assert len(shown) == 14  # frames 0...11 and two more
    assert psnr(shown[13], pictures(1, first=13)[0]) > 30
    assert times[-1] == 13 / NTSC
    assert result.first_index == 12


def test_source_frames_that_a_cut_has_encoded_again_are_said(tmp_path: Path) -> None:
    """They follow the cut in decoding order, so that they cannot be copied."""
    source = write_clip(tmp_path / "in.mp4", pictures(24))
    said = []
    for kept in (11, 13):
        output = tmp_path / f"{kept}.mp4"
        result = predict_frames(source, 2, at=(kept - 0.5) / 25, output=output, model=rolling())
        assert result.packets_copied
        said.append(result.how.split(":")[0])
    assert said == [
        "2 frames added after 11 source frames, copied",
        "2 frames added after 13 source frames, copied except for the last 2 before the cut",
    ]


def test_only_starts_at_zero_at_the_rate_of_the_source(clip: Path, tmp_path: Path) -> None:
    result = predict_frames(clip, 3, mode="only", output=tmp_path / "out.mkv", model=rolling())
    shown, times = decoded(result.output)
    assert len(shown) == 3
    assert psnr(shown[2], pictures(1, first=22)[0]) > 30
    assert times[0] == 0
    assert float(times[2]) == pytest.approx(float(2 / NTSC), abs=0.001)  # Matroska's clock


def test_duration_counts_frames_at_the_rate_of_the_source(clip: Path, tmp_path: Path) -> None:
    result = predict_frames(
        clip, duration_s=0.5, mode="only", output=tmp_path / "o.mp4", model=rolling()
    )
    assert result.predicted_count == 15


@pytest.mark.parametrize("mode", ["append", "only", "side-by-side"])
def test_at_in_a_pause_continues_what_is_shown_then(tmp_path: Path, mode: Mode) -> None:
    """Twelve frames, the last held until 5 s, as a screen recording has it, then twelve more."""
    times = [Fraction(k, 25) + (0 if k < 12 else 5) for k in range(24)]
    source = write_clip(tmp_path / "a.mp4", pictures(24), times=times)
    output = tmp_path / "o.mp4"
    result = predict_frames(source, 2, mode=mode, at=3, output=output, model=rolling())
    shown, found = decoded(output)
    assert result.context_end == times[11]
    if mode == "append":
        assert found == [*times[:12], Fraction(3), 3 + Fraction(1, 25)]
        for picture, truth in zip(shown[12:], pictures(2, first=12), strict=True):
            assert psnr(picture, truth) > 30


@pytest.mark.parametrize(
    ("codec", "rate", "count"), [("libx264", Fraction(60), 60), ("mpeg2video", NTSC, 30)]
)
def test_matroska_s_milliseconds_do_not_change_the_rate(
    tmp_path: Path, codec: str, rate: Fraction, count: int
) -> None:
    source = write_clip(tmp_path / "a.mkv", pictures(12), rate, codec=codec)
    result = predict_frames(
        source, duration_s=1, mode="only", output=tmp_path / "o.mkv", model=rolling()
    )
    assert result.predicted_count == count
    assert result.predicted_times == tuple(k / rate for k in range(count))
    with av.open(str(result.output)) as container:
        assert container.streams.video[0].average_rate == rate


def test_variable_rate_continues_with_its_median_step(tmp_path: Path) -> None:
    ticks = [0, 3000, 6000, 9000, 30000, 33000, 36000, 39000]  # a pause in the middle
    times = [Fraction(tick, 90000) for tick in ticks]
    source = write_clip(tmp_path / "vfr.mp4", pictures(8), Fraction(30), times)
    result = predict_frames(source, 2, model=rolling())
    assert result.predicted_times == (Fraction(42000, 90000), Fraction(45000, 90000))
    assert decoded(result.output)[1][-2:] == list(result.predicted_times)


def test_predicted_times_are_those_of_an_output_whose_clock_begins_elsewhere(
    tmp_path: Path,
) -> None:
    late = [10 + k / Fraction(25) for k in range(8)]
    source = write_clip(tmp_path / "in.ts", pictures(8), Fraction(25), late)
    result = predict_frames(source, 2, output=tmp_path / "out.mp4", model=rolling())
    assert result.predicted_times == (Fraction(8, 25), Fraction(9, 25))
    assert decoded(result.output)[1][-2:] == list(result.predicted_times)


def test_next_predicts_every_frame_at_its_place(clip: Path, tmp_path: Path) -> None:
    model = rolling()
    result = predict_frames(
        clip, mode="next", output=tmp_path / "n.mp4", frames_dir=tmp_path / "png", model=model
    )
    shown, times = decoded(result.output)
    assert times == [k / NTSC for k in range(20)]
    for picture, truth in zip(shown, pictures(20), strict=True):
        assert psnr(picture, truth) > 30  # a shift by one frame would be far below
    names = sorted(path.name for path in (tmp_path / "png").iterdir())
    assert names == [f"{number:06d}.png" for number in range(2, 20)]
    assert result.table is not None
    with result.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["psnr_db"] == "" for row in rows] == [True] * 2 + [False] * 18
    assert all(float(row["psnr_db"]) > 30 and float(row["ssim"]) > 0.9 for row in rows[2:])
    assert max(float(row["anomaly_score"]) for row in rows[2:]) == 1
    assert result.comparison is not None
    assert result.comparison.frames == 18
    assert result.plot is not None
    with PIL.Image.open(result.plot) as plot:
        assert plot.format == "PNG"


def test_next_flags_a_cut_and_never_looks_across_it(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "cut.mp4", pictures(12) + pictures(12, seed=7))
    network = RollingPredictor()
    result = predict_frames(source, mode="next", model=NextFrames(network, "rolling"))
    assert result.table is not None
    with result.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [number for number, row in enumerate(rows) if row["is_cut"] == "1"] == [12]
    assert rows[12]["anomaly_score"] == "1.0000"  # predicted from the old shot
    assert rows[13]["psnr_db"] == ""  # one frame of the new shot shows no motion
    assert network.lengths == [2, 3, *[4] * 9, 2, 3, *[4] * 8]
    assert any("1 scene cut at 00:00:00.480" in warning for warning in result.warnings)


def test_side_by_side_shows_truth_prediction_difference(clip: Path, tmp_path: Path) -> None:
    result = predict_frames(
        clip, 4, mode="side-by-side", output=tmp_path / "s.mp4", model=rolling(), crf=1
    )
    shown, times = decoded(result.output)
    assert len(shown) == 4
    assert times == [k / NTSC for k in range(4)]
    for picture, truth in zip(shown, pictures(4, first=16), strict=True):
        left, middle, right = np.split(picture, 3, axis=1)
        assert psnr(left, truth) > 30
        assert psnr(middle, truth) > 30
        assert right.mean() < 20
    assert result.comparison is not None
    assert result.comparison.frames == 4


def test_side_by_side_is_predicted_from_as_many_frames_as_the_model_looks_at(
    tmp_path: Path,
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(40))
    output = tmp_path / "out.mp4"
    result = predict_frames(clip, 2, output=output, mode="side-by-side", model=rolling(16))
    assert result.context_frames == 16


def test_side_by_side_shows_what_was_not_foreseen(tmp_path: Path) -> None:
    class Grey(RollingPredictor):
        def predict(self, clip: torch.Tensor, count: int) -> torch.Tensor:
            return torch.zeros_like(clip[:, :1]).expand(-1, count, -1, -1, -1)

    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    source = write_clip(tmp_path / "white.mp4", [white] * 6)
    result = predict_frames(source, 2, mode="side-by-side", model=NextFrames(Grey(), "grey"))
    left, middle, right = np.split(decoded(result.output)[0][1], 3, axis=1)
    assert (round(left.mean()), round(right.mean())) == (255, 255)
    assert middle.mean() == pytest.approx(127.5, abs=2)


def test_frames_dir_counts_on_the_timeline_of_the_output(clip: Path, tmp_path: Path) -> None:
    for mode, names in (
        ("append", ["000020.png", "000021.png"]),
        ("only", ["000000.png", "000001.png"]),
    ):
        folder = tmp_path / mode
        predict_frames(
            clip,
            2,
            mode=mode,  # type: ignore[arg-type]
            output=tmp_path / f"{mode}.mp4",
            frames_dir=folder,
            model=rolling(),
        )
        assert sorted(path.name for path in folder.iterdir()) == names
        second = cv2.cvtColor(cv2.imread(str(folder / names[1])), cv2.COLOR_BGR2RGB)
        assert psnr(second.astype(np.uint8), pictures(1, first=21)[0]) > 30


def test_gif_shows_the_context_and_then_the_prediction(clip: Path, tmp_path: Path) -> None:
    result = predict_frames(clip, 3, output=tmp_path / "o.mp4", gif=True, model=rolling())
    assert result.gif == tmp_path / "o.gif"
    shown, times = decoded(result.gif)
    assert len(shown) == 4 + 3
    assert psnr(shown[-1], pictures(1, first=22)[0]) > 25  # 256 colours
    assert float(times[-1]) == pytest.approx(float(6 / NTSC), abs=0.02)


@pytest.mark.parametrize(
    ("rate", "ticks"),
    [(120, [0, 2, 4, 6, 8, 10]), (60, [0, 2, 5, 7, 10, 12, 15, 17, 20, 22])],
)
def test_a_gif_of_a_fast_video_leaves_frames_out(
    tmp_path: Path, rate: int, ticks: list[int]
) -> None:
    source = write_clip(tmp_path / "fast.mp4", pictures(12), Fraction(rate))
    result = predict_frames(source, 10, output=tmp_path / "o.mp4", gif=True, model=rolling())
    assert len(decoded(result.output)[0]) == 22
    assert result.gif is not None
    times = decoded(result.gif)[1]
    assert [round(100 * time) for time in times] == ticks


def test_a_gif_needs_none_beside_it(clip: Path, tmp_path: Path) -> None:
    result = predict_frames(clip, 3, output=tmp_path / "o.gif", gif=True, model=rolling())
    assert result.files == [tmp_path / "o.gif"]
    assert len(decoded(tmp_path / "o.gif")[0]) == 20 + 3


def test_folder_of_images_is_a_clip(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "shot", pictures(6))
    result = predict_frames(folder, 2, model=rolling())
    assert result.output == tmp_path / "shot.predicted.mp4"
    shown, _ = decoded(result.output)
    assert len(shown) == 8
    assert psnr(shown[7], pictures(1, first=7)[0]) > 30


def test_fewer_frames_than_the_context_are_enough(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "short.mp4", pictures(3))
    network = RollingPredictor(context_frames=12)
    result = predict_frames(source, 1, model=NextFrames(network, "rolling"))
    assert network.lengths == [3]
    assert result.context_frames == 3


def test_cut_in_the_context_is_noticed_and_said(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "cut.mp4", pictures(17) + pictures(3, seed=7))
    network = RollingPredictor()
    result = predict_frames(source, 1, model=NextFrames(network, "rolling"))
    assert network.lengths == [3]
    assert result.warnings == ("scene cut at 00:00:00.680: predicted from the 3 frames after it",)


def test_cut_before_the_last_frame_says_what_to_do(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "cut.mp4", pictures(17) + pictures(1, seed=7))
    with pytest.raises(NotEnoughFrames, match=r"cut\.mp4.*scene cut at 00:00:00\.680.*--at"):
        predict_frames(source, 1, model=rolling())
    assert predict_frames(source, 1, at=0.66, model=rolling()).first_index == 17


def test_long_horizon_is_predicted_in_parts_and_said(clip: Path, tmp_path: Path) -> None:
    network = RollingPredictor()
    model = NextFrames(network, "rolling", horizon=8)
    result = predict_frames(clip, 20, output=tmp_path / "o.mp4", model=model)
    assert len(network.lengths) == 3  # 8, 8 and 4 frames
    assert psnr(decoded(result.output)[0][39], pictures(1, first=39)[0]) > 30
    assert result.warnings == (
        "20 frames ahead: this model was measured up to 8, later frames may be poor",
    )


def test_library_refuses_to_write_over_its_input(clip: Path) -> None:
    with pytest.raises(OutputIsInput):
        predict_frames(clip, 1, output=clip, overwrite=True, model=rolling())


def test_no_output_goes_among_the_pictures_of_its_input(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number, picture in enumerate(pictures(4)):
        write_png(folder / f"{number + 4 * (number == 3)}.png", from_uint8(picture))
    for output in (folder / "out.mp4", tmp_path / "shots" / ".." / "shots" / "again.mkv"):
        with pytest.raises(OutputIsInput, match="among the pictures of the input"):
            predict_frames(folder, 1, output=output, model=rolling())
    below = folder / "new" / "out.mp4"
    result = predict_frames(folder, 1, output=below, model=rolling())
    assert below.exists()
    assert result.warnings == (
        "pictures are missing, number 3 to 6: taken for as far apart as the others",
    )


def test_dropped_streams_are_named(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "sound.mp4", pictures(25), has_audio=True)
    assert predict_frames(source, 2, model=rolling()).dropped == ()
    only = predict_frames(source, 2, mode="only", output=tmp_path / "o.mp4", model=rolling())
    assert only.dropped == ("audio",)
    assert replace(only, dropped=()).as_json()["dropped"] == []


@pytest.mark.parametrize("mode", ["append", "only", "next", "side-by-side"])
def test_ten_bits_stay_ten_and_are_said(tmp_path: Path, mode: Mode) -> None:
    source = write_clip(tmp_path / "ten.mkv", pictures(12), pixel_format="yuv420p10le")
    result = predict_frames(source, 2, mode=mode, model=rolling())
    said = "10 bits a channel: predicted in floating point, written with 10"
    assert said in result.warnings
    with av.open(str(result.output)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p10le"


def test_at_counts_from_the_first_frame(tmp_path: Path) -> None:
    times = [5 + Fraction(k, 25) for k in range(20)]
    source = write_clip(tmp_path / "late.ts", pictures(20), times=times)
    assert decoded(source)[1][0] >= 5
    result = predict_frames(source, 1, at=0.4, mode="only", model=rolling())
    assert psnr(decoded(result.output)[0][0], pictures(1, first=11)[0]) > 30


def test_first_predicted_frame_of_next_is_the_third_of_its_shot(tmp_path: Path) -> None:
    for name, shots in (("whole", [12]), ("cut", [1, 11])):
        frames = [picture for seed, count in enumerate(shots) for picture in pictures(count, seed)]
        source = write_clip(tmp_path / f"{name}.mp4", frames)
        result = predict_frames(source, mode="next", model=rolling())
        assert result.table is not None
        with result.table.open(newline="") as file:
            empty = [row["psnr_db"] == "" for row in csv.DictReader(file)]
        assert result.first_index == empty.index(False) == len(frames) - result.predicted_count
        assert result.first_index == (2 if name == "whole" else 3)
