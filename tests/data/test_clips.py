"""Training clips: which frames, which pixels, and that nothing else decides."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from synthetic_videos import moving_square, texture, write_video
from torch.utils.data import DataLoader

from predictor.data import ClipDataset, ClipSettings, VideoIndex, index_videos
from predictor.errors import UnusableData

PLAIN = ClipSettings(
    context_frames=3,
    target_frames=1,
    crop=(64, 96),
    strides=(1,),
    scale=(1, 1),
    flip_horizontal=0,
    reverse=0,
    gamma=0,
    brightness=0,
    selection="any",
    windows_per_epoch=24,
)


def varied(**changes: object) -> ClipSettings:
    return ClipSettings.model_validate({**PLAIN.model_dump(), **changes})


def numbered(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    """Return flat grey frames whose level is 3 times their number."""
    return [np.full((height, width, 3), 20 + 3 * n, dtype=np.uint8) for n in range(count)]


def numbers(clip: torch.Tensor) -> list[int]:
    """Return the frame numbers of a clip of `numbered` frames."""
    levels = (clip.mean((1, 2, 3)) + 1) * 127.5
    return [round((float(level) - 20) / 3) for level in levels]


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> VideoIndex:
    folder = tmp_path_factory.mktemp("squares")
    write_video(folder / "a.mp4", moving_square(40, seed=1))
    write_video(folder / "b.mkv", moving_square(30, seed=2, step=3))
    return index_videos(folder)


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> VideoIndex:
    folder = tmp_path_factory.mktemp("ramp")
    write_video(folder / "ramp.mp4", numbered(60), rate=30, group=12)
    return index_videos(folder)


def test_a_window_has_successive_frames_from_every_place(ramp: VideoIndex) -> None:
    dataset = ClipDataset(ramp, varied(windows_per_epoch=200), seed=3)
    starts = set()
    for number in range(200):
        found = numbers(dataset[0, number]["clip"])
        assert found == list(range(found[0], found[0] + 4))
        starts.add(found[0])
    assert {0, 56} <= starts
    assert len(starts) > 50


def test_strides_skip_frames_and_keep_the_lowest_rate(ramp: VideoIndex) -> None:
    dataset = ClipDataset(ramp, varied(strides=(1, 2, 4), lowest_rate_hz=15), seed=3)
    steps = {tuple(np.diff(numbers(dataset[0, n]["clip"])).tolist()) for n in range(24)}
    assert steps == {(1, 1, 1), (2, 2, 2)}


def test_reversed_clips_run_backwards(ramp: VideoIndex) -> None:
    forwards = ClipDataset(ramp, PLAIN, seed=3)[0, 5]["clip"]
    backwards = ClipDataset(ramp, varied(reverse=1), seed=3)[0, 5]["clip"]
    torch.testing.assert_close(backwards, forwards.flip(0), rtol=0, atol=0)


def test_short_contexts_repeat_the_first_frame_that_is_there(ramp: VideoIndex) -> None:
    settings = varied(context_frames=5, target_frames=1, short_context=1)
    short = ClipDataset(ramp, settings, seed=3)
    whole = ClipDataset(ramp, settings.model_copy(update={"short_context": 0}), seed=3)
    kept = set()
    for number in range(40):
        found, full = numbers(short[0, number]["clip"]), numbers(whole[0, number]["clip"])
        there = [at for at in range(6) if found[at] == full[at]]
        assert found == [full[there[0]]] * there[0] + full[there[0] :]
        kept.add(5 - there[0])
    assert kept == {2, 3, 4, 5}  # of the five frames of context


def test_evidence_is_found_in_the_context_as_the_network_will_see_it(squares: VideoIndex) -> None:
    def evidence(context: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sum": context.sum(), "frames": torch.tensor(len(context))}

    settings = varied(flip_horizontal=1, reverse=1, selection="weighted")
    item = ClipDataset(squares, settings, seed=3, evidence=evidence)[0, 4]
    assert item["frames"] == settings.context_frames
    assert item["sum"] == item["clip"][: settings.context_frames].sum()


def test_flips_mirror_the_same_clip(squares: VideoIndex) -> None:
    plain = ClipDataset(squares, PLAIN, seed=3)[1, 2]["clip"]
    across = ClipDataset(squares, varied(flip_horizontal=1), seed=3)[1, 2]["clip"]
    down = ClipDataset(squares, varied(flip_vertical=1), seed=3)[1, 2]["clip"]
    assert torch.equal(across, plain.flip(-1))
    assert torch.equal(down, plain.flip(-2))


def test_an_item_depends_on_its_key_and_the_seed_alone(squares: VideoIndex) -> None:
    settings = varied(crop=(32, 40), scale=(0.6, 1.4), selection="weighted", gamma=0.1)
    dataset = ClipDataset(squares, settings, seed=3)
    first = dataset[2, 7]["clip"]
    for other in range(5):
        dataset[0, other]
    assert torch.equal(dataset[2, 7]["clip"], first)
    assert not torch.equal(dataset[3, 7]["clip"], first)
    assert not torch.equal(dataset[2, 8]["clip"], first)
    assert not torch.equal(ClipDataset(squares, settings, seed=4)[2, 7]["clip"], first)


def test_a_worker_process_gives_the_same_clips(squares: VideoIndex) -> None:
    dataset = ClipDataset(squares, varied(crop=(32, 40), selection="weighted"), seed=3)
    keys = [(0, number) for number in range(6)]
    loader = DataLoader(
        dataset, batch_size=2, sampler=keys, num_workers=1, multiprocessing_context="spawn"
    )
    loaded = torch.cat([batch["clip"] for batch in loader])
    assert torch.equal(loaded, torch.stack([dataset[key]["clip"] for key in keys]))


def test_clips_are_contiguous_float_in_range(squares: VideoIndex) -> None:
    settings = varied(crop=(48, 40), brightness=0.5, gamma=0.5, flip_horizontal=1)
    clip = ClipDataset(squares, settings, seed=0)[0, 0]["clip"]
    assert clip.shape == (4, 3, 48, 40)
    assert clip.dtype == torch.float32
    assert clip.is_contiguous()
    assert -1 <= clip.min() < clip.max() <= 1


def test_scale_changes_the_size_of_motion(tmp_path: Path) -> None:
    """At half size the square is half as wide; enlarged footage fills the crop."""
    frames = [np.zeros((64, 96, 3), dtype=np.uint8) for _ in range(12)]
    for number, frame in enumerate(frames):
        frame[:, 8 * (number % 2) : 8 * (number % 2) + 48] = 255
    write_video(tmp_path / "half.mp4", frames)
    index = index_videos(tmp_path)
    small = ClipDataset(index, varied(crop=(32, 48), scale=(0.5, 0.5)), seed=0)[0, 0]["clip"]
    large = ClipDataset(index, varied(crop=(128, 192), scale=(0.5, 0.5)), seed=0)[0, 0]["clip"]
    assert round(float((small[0, 0] > 0).float().sum(1).mean())) == 24
    assert round(float((large[0, 0] > 0).float().sum(1).mean())) == 96


def test_no_clip_spans_a_cut(tmp_path: Path) -> None:
    frames = [texture(1)] * 12 + [texture(2)] * 12
    write_video(tmp_path / "cut.mp4", frames)
    dataset = ClipDataset(index_videos(tmp_path), varied(windows_per_epoch=60), seed=0)
    for number in range(60):
        clip = dataset[0, number]["clip"]
        assert float((clip[1:] - clip[:-1]).abs().max()) < 0.05


def test_still_windows_are_rare_but_present(tmp_path: Path) -> None:
    write_video(tmp_path / "still.mp4", moving_square(40, still=True))
    write_video(tmp_path / "moving.mp4", moving_square(40, step=6))
    index = index_videos(tmp_path)
    dataset = ClipDataset(index, varied(selection="weighted", windows_per_epoch=150), seed=0)
    still = sum(
        float((clip[1:] - clip[:-1]).abs().max()) < 0.05
        for clip in (dataset[0, number]["clip"] for number in range(150))
    )
    assert 1 <= still <= 20


def test_threshold_keeps_the_first_crop_that_moves(tmp_path: Path) -> None:
    """Only the right fifth changes: of 25 tries one nearly always meets it, of 1 it does not."""
    frames = []
    for number in range(12):
        frame = np.full((64, 96, 3), 60, dtype=np.uint8)
        frame[:, 76:] = 60 + 120 * (number % 2)
        frames.append(frame)
    write_video(tmp_path / "edge.mp4", frames)
    index = index_videos(tmp_path)

    def moving(**changes: object) -> int:
        settings = varied(crop=(16, 16), selection="threshold", **changes)
        dataset = ClipDataset(index, settings, seed=0)
        clips = [dataset[0, number]["clip"] for number in range(24)]
        return sum(float(((c[-1] - c[-2]) ** 2).mean()) > 0.009 for c in clips)

    assert moving(retries=25) == 24
    assert moving(retries=1) < 20
    assert moving(retries=25, threshold=4.0) < 20
    # Where none moves that much the last one tried is kept, not the first.
    hopeless = {"crop": (16, 16), "selection": "threshold", "threshold": 4.0}
    one, many = (ClipDataset(index, varied(**hopeless, retries=tries), seed=0) for tries in (1, 25))
    assert any(
        not torch.equal(one[0, number]["clip"], many[0, number]["clip"]) for number in range(9)
    )


def test_a_folder_of_too_short_videos_is_unusable(tmp_path: Path) -> None:
    write_video(tmp_path / "short.mp4", moving_square(4))
    with pytest.raises(UnusableData, match="no 9 successive frames"):
        ClipDataset(index_videos(tmp_path), varied(context_frames=8), seed=0)


@pytest.mark.parametrize("change", [{"crop": (0, 8)}, {"scale": (1.2, 0.8)}, {"unknown": 1}])
def test_settings_that_cannot_work_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        varied(**change)
