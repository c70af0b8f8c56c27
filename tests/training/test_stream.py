"""Batches loaded ahead: what fails in a loading process, and how the processes end."""

import multiprocessing

import pytest
import torch
from torch import Tensor
from toy import settings

from predictor.errors import PredictorError, SettingsError, UnreadableImage
from predictor.training.distributed import Ranks
from predictor.training.hardware import hardware_for
from predictor.training.stream import BatchStream


class Lost:
    """Examples of which one is gone."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Tensor]:
        if key[1] == 7:
            raise UnreadableImage("seven.png: no such file:\nor folder")
        return {"x": torch.zeros(1)}


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_loading_process_is_the_error_itself(workers: int) -> None:
    chosen = settings(workers=workers, batch_size=2)
    stream = BatchStream(Lost(), chosen, hardware_for(chosen), Ranks())  # type: ignore[arg-type]
    caught: PredictorError | None = None
    try:
        for _ in range(5):
            stream.draw()
    except UnreadableImage as error:
        caught = error  # its traceback holds the iterator
    stream.close()
    assert str(caught) == "seven.png: no such file:\nor folder"
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("ranks", "multiple", "message"),
    [(3, 1, "by 3 ranks$"), (4, 2, "by 4 ranks by multiples of 2"), (8, 2, "by 8 ranks by")],
)
def test_shares_that_are_not_equal_are_refused(ranks: int, multiple: int, message: str) -> None:
    chosen = settings(batch_size=4)
    with pytest.raises(SettingsError, match=message):
        BatchStream(
            Lost(),  # type: ignore[arg-type]
            chosen,
            hardware_for(chosen),
            Ranks(0, ranks),
            share_multiple=multiple,
        )


class Copied(Lost):
    """Examples that are made in less time than it takes to hand them over."""

    is_quick = True


@pytest.mark.parametrize(
    ("examples", "workers", "started"),
    [(Copied(), None, 0), (Copied(), 2, 2), (Lost(), None, 1)],
)
def test_processes_are_started_only_where_they_help(
    examples: Lost, workers: int | None, started: int
) -> None:
    chosen = settings(workers=workers, batch_size=2)
    stream = BatchStream(
        examples,  # type: ignore[arg-type]
        chosen,
        hardware_for(chosen),
        Ranks(),
    )
    assert len(multiprocessing.active_children()) == started
    stream.close()
