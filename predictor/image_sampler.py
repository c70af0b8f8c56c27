"""The public interface to generators of pictures from latents."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from predictor.devices import computing, moved
from predictor.errors import TensorContractError, UnknownModel, require_whole
from predictor.latents import Distribution, picture_latents
from predictor.structured_latents import StructuredLatents

BATCH = 100
"""Pictures generated at once."""


class ImageSampler:
    """Samples pictures from a generator; a picture depends on a seed and its own number alone.

    The generator has `latent_width`, `distribution`, `classes` (None if it takes no labels),
    `units`, and `structure` if its latents contain codes. It maps latents ``(N, latent_width)`` and
    labels ``(N,)`` to pictures in its units. It runs in evaluation mode, with the running
    statistics of batch normalization, so that a picture does not depend on its batch.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device | str | None = None,
        use_bfloat16: bool = False,
        short_side: int | None = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.device = moved(network, device)
        self.network: Any = network.eval()
        self.use_bfloat16 = use_bfloat16
        self.short_side = short_side
        """Length to which the shorter side of real pictures is resized before they are cropped, to
        compare them with samples; None: the least that covers the size of these."""
        named = tuple(class_names or ())
        self.has_names = bool(named)
        """Whether the classes have names other than their numbers."""
        self.class_names = (*named, *map(str, range(len(named), self.classes or 0)))
        """Name of each label; its number where there is no name."""

    @property
    def latent_width(self) -> int:
        """Numbers in a latent vector."""
        return int(self.network.latent_width)

    @property
    def distribution(self) -> Distribution:
        """Distribution of the noise in latents."""
        return self.network.distribution

    @property
    def classes(self) -> int | None:
        """Number of classes; None for a generator without labels."""
        return self.network.classes

    @property
    def structure(self) -> StructuredLatents | None:
        """The codes in its latents; None where they are plain noise."""
        return getattr(self.network, "structure", None)

    @property
    def noise_width(self) -> int:
        """How many numbers of a latent vector, at its start, are noise; the rest are codes."""
        return self.latent_width if self.structure is None else self.structure.noise

    def label_of(self, name: str) -> int:
        """Return the label of the class `name`, or of that number where none is called so.

        Blanks around it do not count. Where numbers are the names of all classes, no other ones are
        meant. Raises `UnknownModel` for neither.
        """
        if self.classes is None:
            raise UnknownModel("the generator of this model takes no classes")
        for called in (name, name.strip()):
            if called in self.class_names:
                return self.class_names.index(called)
        are_numbers = self.has_names and all(called.isdecimal() for called in self.class_names)
        if not are_numbers and name.strip().isdecimal() and int(name) < self.classes:
            return int(name)
        shown = ", ".join(self.class_names[:10]) + (", …" if self.classes > 10 else "")
        raise UnknownModel(f"there is no class {name!r}, the model has {shown}")

    def labels_of(self, names: str) -> tuple[int, ...]:
        """Return the labels of the classes in `names`, which have commas between them.

        A name may have commas in it: the longest that there is counts. Raises as `label_of`.
        """
        found, parts = [], names.split(",")
        while parts:
            joined = (",".join(parts[:count]).strip() for count in range(len(parts), 0, -1))
            name = next((name for name in joined if name in self.class_names), parts[0])
            found.append(self.label_of(name))
            del parts[: name.count(",") + 1]
        return tuple(found)

    def latents(self, seed: int, numbers: Iterable[int]) -> Tensor:
        """Return the latents ``(N, L)`` of the pictures with these `numbers`, on the CPU.

        Raises `SettingsError` for a seed or number that is no whole number from 0 on.
        """
        seed = require_whole("seed", seed, least=0)
        numbers = [require_whole("number", number, least=0) for number in numbers]
        if self.structure is not None:
            return self.structure.of_pictures(seed, numbers)
        return picture_latents(self.distribution, (self.latent_width,), seed, numbers)

    def images(self, latents: Tensor, labels: Sequence[int] | None = None) -> Tensor:
        """Return the pictures ``(N, C, H, W)`` in [-1, 1] of `latents` ``(N, L)``, on the CPU.

        Errors as in `values`.
        """
        return self.decoded(self.values(latents, labels))

    def decoded(self, values: Tensor) -> Tensor:
        """Return pictures, given in the units of the network, in [-1, 1] on the CPU."""
        return self.network.units.decoded(values.to(self.device)).cpu()

    @torch.no_grad()
    def values(self, latents: Tensor, labels: Sequence[int] | None = None) -> Tensor:
        """Return the pictures ``(N, C, H, W)`` in the units of the network, on the CPU.

        Raises `UnknownModel` for labels where the model has no classes, and where they are missing,
        and `TensorContractError` for latents of another width or type.
        """
        if not isinstance(latents, Tensor):
            raise TensorContractError(f"latents are {type(latents).__name__}, expected a tensor")
        if latents.ndim != 2 or latents.shape[1] != self.latent_width:
            raise TensorContractError(
                f"latents have shape {tuple(latents.shape)}, expected (N, {self.latent_width})"
            )
        if not latents.is_floating_point():
            raise TensorContractError(f"latents are {latents.dtype}, expected floating point")
        found = [
            self._batch(part, chosen)
            for part, chosen in zip(
                torch.split(latents, BATCH), self._labels(len(latents), labels), strict=True
            )
        ]
        return torch.cat(found)

    def sampled(
        self, count: int, seed: int = 0, labels: Sequence[int] | None = None, first: int = 0
    ) -> Tensor:
        """Return `count` pictures ``(count, C, H, W)`` in [-1, 1], of the numbers from `first` on.

        Without `labels` a model with classes shows them in turn, as `labels` has them. Raises
        `SettingsError` for a count or `first` that is no whole number from 0 on, and what `latents`
        and `values` raise.
        """
        count, first = require_whole("count", count, 0), require_whole("first", first, 0)
        numbers = range(first, first + count)
        labels = self.labels(numbers) if labels is None else labels
        return self.images(self.latents(seed, numbers), labels)

    def labels(self, numbers: Iterable[int]) -> list[int] | None:
        """Return a class for each picture, its number modulo the classes; None without classes.

        With 10 classes the pictures 7 and 17 are of class 7.
        """
        return None if self.classes is None else [number % self.classes for number in numbers]

    def _batch(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        with computing(self.device, self.use_bfloat16):
            pictures = self.network(latents.to(self.device, torch.float32), labels)
        return pictures.float().cpu()

    def _labels(self, count: int, labels: Sequence[int] | None) -> Iterator[Tensor | None]:
        if self.classes is None:
            if labels is not None:
                raise UnknownModel("the generator of this model takes no classes")
            yield from [None] * max(1, -(-count // BATCH))
            return
        if labels is None:
            raise UnknownModel(f"the model has {self.classes} classes: say of which, for each")
        wrong = [label for label in labels if label not in range(self.classes)]
        if wrong or len(labels) != count:
            raise UnknownModel(
                f"class {wrong[0]!r}: the model has 0 to {self.classes - 1}"
                if wrong
                else f"{len(labels)} labels for {count} pictures"
            )
        yield from torch.split(
            torch.tensor([*map(int, labels)], dtype=torch.int64, device=self.device), BATCH
        )
