"""The batches of a run, loaded ahead by other processes and counted."""

import multiprocessing
import time
from typing import Any, cast

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from predictor.errors import PredictorError, SettingsError, UnusableData
from predictor.media.pillow_warnings import silence_pillow
from predictor.systems.phases import Batch, TrainingDataset
from predictor.systems.settings import RunSettings
from predictor.training.distributed import Ranks
from predictor.training.hardware import Hardware
from predictor.training.interrupts import leave_signals_to_the_parent
from predictor.training.order import OrderedBatches, derived_seed


class BatchStream:
    """The batches of a run from number `drawn` on, on the device; `drawn` counts on.

    Raises `SettingsError` unless a batch divides evenly among the ranks, into shares that are
    multiples of `share_multiple`. The content of a batch is a function of the seed and the number
    of the batch, whatever the number of loading processes and however often the run was resumed.
    """

    def __init__(
        self,
        dataset: TrainingDataset,
        settings: RunSettings,
        hardware: Hardware,
        ranks: Ranks,
        drawn: int = 0,
        share_multiple: int = 1,
    ) -> None:
        if settings.batch_size % (ranks.size * share_multiple):
            by = "" if share_multiple == 1 else f" by multiples of {share_multiple}"
            raise SettingsError(
                f"batch_size={settings.batch_size} cannot be shared by {ranks.size} ranks{by}"
            )
        if len(dataset) == 0:
            raise UnusableData("the training data have no examples")
        self.drawn = drawn
        self.waited_s = 0.0
        self._device = hardware.device
        order = OrderedBatches(
            len(dataset),
            settings.batch_size,
            settings.seed,
            drawn,
            ranks.rank,
            ranks.size,
            is_shuffled=getattr(dataset, "is_shuffled", False),
        )
        workers = hardware.workers
        if settings.workers is None and getattr(dataset, "is_quick", False):
            workers = 0
        self._batches = iter(_loader(dataset, order, hardware, settings.seed, workers))

    def draw(self) -> Batch:
        """Return the next batch on the device.

        Raises what reading an example raises, also if another process read it.
        """
        start = time.perf_counter()
        try:
            batch = next(self._batches)
        except PredictorError as error:
            raise _as_it_was_raised(error) from None
        self.waited_s += time.perf_counter() - start
        self.drawn += 1
        return on_device(batch, self._device)

    def close(self) -> None:
        """End the loading processes, even while a traceback keeps a reference to them."""
        end = getattr(self._batches, "_shutdown_workers", None)
        if end is not None:
            end()
        del self._batches


def _as_it_was_raised(error: PredictorError) -> PredictorError:
    """Return `error` without the traceback that PyTorch adds to its message in a worker."""
    message = str(error)
    if not message.startswith("Caught "):
        return error
    name = f"{type(error).__module__}.{type(error).__qualname__}: "
    return type(error)(message.rpartition(f"\n{name}")[2].strip())


def on_device(batch: Batch, device: torch.device) -> Batch:
    """Return `batch` with its tensors on `device`, pinned ones copied asynchronously.

    Other values, such as the file names in a validation batch, stay as they are.
    """
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }


def _loader(
    dataset: TrainingDataset, order: OrderedBatches, hardware: Hardware, seed: int, workers: int
) -> "DataLoader[dict[str, torch.Tensor]]":
    context = None
    if workers:
        # Not fork: the child of a process with threads may wait forever for locks that they hold.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
    return DataLoader(
        cast("Dataset[dict[str, torch.Tensor]]", dataset),
        batch_sampler=order,
        collate_fn=_as_batch,
        num_workers=workers,
        multiprocessing_context=context,
        prefetch_factor=2 if workers else None,
        pin_memory=hardware.is_cuda,
        worker_init_fn=_begin_worker if workers else None,
        generator=torch.Generator().manual_seed(derived_seed(seed, "workers")),
    )


def _as_batch(examples: Any) -> Any:
    """Return examples stacked, or unchanged if the data set has already made a batch of them."""
    return examples if isinstance(examples, dict) else default_collate(examples)


def _begin_worker(worker: int) -> None:
    """Set up a loading process: signals are for its parent, and OpenCV uses one thread."""
    leave_signals_to_the_parent()
    silence_pillow()
    cv2.setNumThreads(1)
