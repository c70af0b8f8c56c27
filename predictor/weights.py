"""Released networks: one safetensors file each, with all that is needed to use and to judge it.

The file holds the tensors in float16 and, in its header, one JSON string with the name of the
network, its config, the contract of its inputs and its provenance. Reading it never unpickles.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from predictor.errors import DamagedWeights, UnknownModel
from predictor.model_files import DISCRIMINATOR, companion_file
from predictor.networks import NETWORKS
from predictor.whole_files import require_free, write_whole

METADATA_KEY = "predictor"

_PICKLES = {
    b"PK\x03\x04": "a PyTorch archive (zip with pickle)",
    b"\x80": "a pickle",
    b"\x1f\x8b": "a gzip archive",
}


class Provenance(BaseModel):
    """Where a network came from and what it was measured to reach; shown in the model card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = Field(min_length=1)
    """Training data and the terms of its use."""
    licence: str = Field(min_length=1)
    """SPDX name of the licence of the weights."""
    commercial_use: bool
    """Whether the terms of the training data allow commercial use."""
    command: str = Field(min_length=1)
    """The command that trained it."""
    commit: str = Field(min_length=1)
    """The commit of this project that it was trained with."""
    iterations: int = Field(ge=0)
    training_time_s: float = Field(ge=0)
    hardware: str = Field(min_length=1)
    scores: dict[str, float] = {}
    """Measured numbers by name, which ends in the unit."""
    measured_horizon: int | None = Field(default=None, ge=1)
    """Frames ahead up to which `scores` were measured; None for a network of single images."""


class TensorContract(BaseModel):
    """The inputs of the network itself, which `predictor.load` converts public tensors to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: str
    """Axes of the input, such as ``"(N, 3, H, W)"``."""
    pixel_range: tuple[float, float]
    context: int | None = Field(default=None, ge=1)
    """Input frames, for a network of clips."""
    multiple: int = Field(ge=1)
    """Height and width must be multiples of this."""


class Metadata(BaseModel):
    """Everything in a released file but its tensors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    network: str
    """Its name in `predictor.networks.NETWORKS`."""
    config: dict[str, Any]
    task: str
    """The system that trained it, such as ``"frames"``."""
    part: str | None = None
    """The part of the model, such as ``"discriminator"``; None for the network that people run."""
    contract: TensorContract
    class_names: tuple[str, ...] | None = None
    """Name of each label, for a model with classes."""
    short_side: int | None = Field(default=None, ge=1)
    """Length to which the shorter side of small pictures was resized in training, before they were
    cropped; None: the least that covers the size of the network."""
    provenance: Provenance
    tensors_sha256: str
    """Hash of the stored tensors and their names, to detect damage."""


def save_network(
    path: Path,
    network_name: str,
    network: nn.Module,
    provenance: Provenance,
    *,
    task: str = "frames",
    part: str | None = None,
    class_names: Sequence[str] | None = None,
    short_side: int | None = None,
    overwrite: bool = False,
) -> Metadata:
    """Write `network`, which is `network_name` in `NETWORKS`, to `path` and return its metadata.

    The network has the attributes `config`, `pixel_range`, `multiple`, for clips `context`, and
    `layout` unless it takes pictures of any size. Floating-point tensors are stored as float16.
    Raises `OutputExists`, `OutputNotWritten`, and `DamagedWeights` for values that are not finite
    in float16.
    """
    config_type, module_type = NETWORKS[network_name]
    if not isinstance(network, module_type) or not isinstance(network.config, config_type):
        raise TypeError(f"{type(network).__name__} is not the network {network_name!r}")
    require_free(path, overwrite)
    tensors = {name: _stored(name, tensor) for name, tensor in network.state_dict().items()}
    described: Any = network
    context = getattr(described, "context", None)
    usual = "(N, 3, H, W)" if context is None else "(N, T, 3, H, W)"
    metadata = Metadata(
        network=network_name,
        config=json.loads(json.dumps(dataclasses.asdict(network.config))),  # lists, as read back
        task=task,
        part=part,
        contract=TensorContract(
            layout=getattr(described, "layout", None) or usual,
            pixel_range=described.pixel_range,
            context=context,
            multiple=described.multiple,
        ),
        class_names=None if class_names is None else tuple(class_names),
        short_side=short_side,
        provenance=provenance,
        tensors_sha256=_sha256(tensors),
    )
    write_whole(path, save(tensors, {METADATA_KEY: metadata.model_dump_json()}))
    return metadata


def load_network(path: Path) -> tuple[nn.Module, Metadata]:
    """Return the network in `path`, in float32, on the CPU and in evaluation mode.

    Raises `UnknownModel` if there is no such file and `DamagedWeights` if it is a pickle, cut
    short, changed, or of a network that this version does not have. Random state is untouched,
    and PyTorch's default type and device make no difference.
    """
    tensors, metadata = _read(path)
    if metadata.network not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise DamagedWeights(f"{path} holds the network {metadata.network!r}, known are {known}")
    config_type, module_type = NETWORKS[metadata.network]
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        network = module_type(_restored_config(path, config_type, metadata.config)).float()
    expected = network.state_dict()
    _require_same_tensors(path, tensors, expected)
    network.load_state_dict(
        {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}
    )
    return network.eval(), metadata


def load_network_of(kind: type, path: Path) -> tuple[nn.Module, Metadata]:
    """Return the network in `path` if it is of the class `kind`, else the discriminator beside it.

    Where there is none, or it is of another class too, the caller says what it wanted. Raises as
    `load_network`.
    """
    network, metadata = load_network(path)
    companion = companion_file(path, DISCRIMINATOR)
    if not isinstance(network, kind) and companion.is_file():
        return load_network(companion)
    return network, metadata


def read_metadata(path: Path) -> Metadata:
    """Return the metadata of the released file `path`; errors are those of `load_network`."""
    _require_safetensors(path)
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DamagedWeights(f"{path} is damaged or cut short: {error}") from error
    if METADATA_KEY not in header:
        raise DamagedWeights(
            f"{path} is a safetensors file without {METADATA_KEY!r} in its header, "
            "expected one written by `predictor export`"
        )
    try:
        return Metadata.model_validate_json(header[METADATA_KEY])
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(map(str, first["loc"])) or "header"
        raise DamagedWeights(f"{path}: {setting} of its header: {first['msg']}") from error


def _stored(name: str, tensor: Tensor) -> Tensor:
    """Return a copy of `tensor` on the CPU, in float16 if it is a floating-point one."""
    stored = tensor.detach().to("cpu", copy=True).contiguous()
    if not stored.is_floating_point():
        return stored
    stored = stored.to(torch.float16)
    if not stored.isfinite().all():
        raise DamagedWeights(f"{name} has values that are not finite in float16; nothing written")
    return stored


def _sha256(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _require_safetensors(path: Path) -> None:
    """Raise unless the first bytes of `path` are those of a safetensors file."""
    if not path.is_file():
        raise UnknownModel(f"no weights file {path}")
    with path.open("rb") as file:
        start = file.read(9)
    for magic, kind in _PICKLES.items():
        # A safetensors file starts with the length of its JSON header, then the header's brace.
        if start.startswith(magic) and start[8:] != b"{":
            raise DamagedWeights(
                f"{path} is {kind}, which runs code when it is read; it was not read. "
                "Expected a safetensors file written by `predictor export`"
            )
    if len(start) < 9 or start[8:] != b"{":
        raise DamagedWeights(f"{path} is not a safetensors file")


def _read(path: Path) -> tuple[dict[str, Tensor], Metadata]:
    metadata = read_metadata(path)
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise DamagedWeights(f"{path} is damaged or cut short: {error}") from error
    if _sha256(tensors) != metadata.tensors_sha256:
        raise DamagedWeights(f"{path} is damaged: its tensors are not those that were written")
    return tensors, metadata


def _restored_config(path: Path, config_type: type, values: dict[str, Any]) -> Any:
    known = {field.name for field in dataclasses.fields(config_type)}
    if unknown := sorted(values.keys() - known):
        raise DamagedWeights(f"{path}: {', '.join(unknown)} of its config: unknown to this version")
    try:
        return TypeAdapter(config_type).validate_json(json.dumps(values))
    except ValueError as error:
        raise DamagedWeights(f"{path}: its config cannot be built: {error}") from error


def _require_same_tensors(
    path: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    if missing := sorted(expected.keys() - found.keys()):
        raise DamagedWeights(f"{path} lacks {len(missing)} tensors, first {missing[0]!r}")
    if extra := sorted(found.keys() - expected.keys()):
        raise DamagedWeights(f"{path} has {len(extra)} unknown tensors, first {extra[0]!r}")
    for name, tensor in found.items():
        shape, wanted = tuple(tensor.shape), tuple(expected[name].shape)
        if shape != wanted:
            raise DamagedWeights(f"{path}: {name!r} is {shape}, its network needs {wanted}")
