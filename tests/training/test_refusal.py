"""What a start leaves behind that is refused, and what one that may be tried again does."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from toy import ENTRY, SYSTEMS, ToySettings, open_data, settings

from predictor.errors import (
    Interrupted,
    OutOfDeviceMemory,
    PredictorError,
    SettingsError,
    UnusableData,
    UnusableMask,
)
from predictor.systems.entry import SystemEntry, TrainingData
from predictor.training.loop import resume, train
from predictor.training.refusal import gone_if_refused


def packing(refusal: Callable[[], Exception]) -> SystemEntry:
    """Return the toy with data that are decoded into the run folder and then refused."""

    def opened(chosen: ToySettings, path: Path, run: Path | None = None) -> TrainingData:
        assert run is not None
        (run / "more" / "deep").mkdir(parents=True, exist_ok=True)
        for name in ("pictures.bin", "more/pictures.bin", "more/deep/pictures.bin"):
            (run / name).write_text("of this start")
        raise refusal()

    return replace(ENTRY, open_data=opened)


def stopped() -> Exception:
    return Interrupted("stopped", signal.SIGINT)


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("refusal", [SettingsError, UnusableData, UnusableMask])
def test_a_refused_start_leaves_nothing_behind(
    tmp_path: Path, refusal: type[PredictorError]
) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(refusal):
        train(tmp_path / "kept" / "r" / "x", "toy", packing(refusal), settings(), tmp_path)
    assert names_in(tmp_path) == ["kept"]
    with pytest.raises(refusal):
        train(tmp_path / "kept", "toy", packing(refusal), settings(), tmp_path)
    assert names_in(tmp_path) == ["kept"]


def test_what_others_write_into_a_folder_in_use_is_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    @gone_if_refused(tmp_path)
    def start() -> None:
        (tmp_path / "of somebody else").touch()
        raise UnusableData

    with pytest.raises(UnusableData):
        start()
    assert names_in(tmp_path) == ["notes.txt", "of somebody else"]


@pytest.mark.parametrize("failure", [stopped, OutOfDeviceMemory, ZeroDivisionError])
def test_a_start_that_may_be_tried_again_keeps_what_it_decoded(
    tmp_path: Path, failure: Callable[[], Exception]
) -> None:
    folder = tmp_path / "run"
    with pytest.raises((Interrupted, OutOfDeviceMemory, ZeroDivisionError)):
        train(folder, "toy", packing(failure), settings(), tmp_path)
    kept = names_in(folder)
    assert {"pictures.bin", "more/deep/pictures.bin", "run.lock"} <= set(kept)
    with pytest.raises(UnusableData):
        train(folder, "toy", packing(UnusableData), settings(), tmp_path)
    assert names_in(folder) == kept, "they were there before"
    train(folder, "toy", ENTRY, settings(), tmp_path, until=1)


def test_a_run_whose_data_are_refused_when_it_is_resumed_stays(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(folder, "toy", ENTRY, settings(), tmp_path, until=1)
    before = names_in(folder)
    with pytest.raises(UnusableData):
        resume(folder, {**SYSTEMS, "toy": packing(UnusableData)})
    assert set(names_in(folder)) == {*before, "more", "more/deep"} | {
        f"{name}pictures.bin" for name in ("", "more/", "more/deep/")
    }


def test_data_that_go_bad_under_way_cost_no_work(tmp_path: Path) -> None:
    class GoneSoon:
        def __init__(self, data: TrainingData) -> None:
            self.data, self.left = data, 8

        def __len__(self) -> int:
            return len(self.data.train)

        def __getitem__(self, key: tuple[int, int]) -> object:
            self.left -= 1
            if self.left < 0:
                raise UnusableData("gone")
            return self.data.train[key]

    def opened(chosen: ToySettings, path: Path, run: Path | None = None) -> TrainingData:
        data = open_data(chosen, path, run)
        return replace(data, train=GoneSoon(data))  # type: ignore[arg-type] # it has both

    with pytest.raises(UnusableData, match="gone"):
        train(tmp_path / "run", "toy", replace(ENTRY, open_data=opened), settings(), tmp_path)
    assert list((tmp_path / "run" / "checkpoints").iterdir())


def test_a_link_is_deleted_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").touch()

    @gone_if_refused(tmp_path / "run")
    def start() -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "link").symlink_to(tmp_path / "elsewhere")
        raise UnusableData

    with pytest.raises(UnusableData):
        start()
    assert names_in(tmp_path) == ["elsewhere", "elsewhere/a"]
