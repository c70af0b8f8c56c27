"""Released weights: exact round trip, and refusal by name of everything else."""

import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torch import nn

from predictor import weights
from predictor.errors import DamagedWeights, OutputExists, OutputNotWritten, UnknownModel
from predictor.weights import METADATA_KEY, Provenance, load_network, read_metadata, save_network

PROVENANCE = Provenance(
    data="six clips of the test",
    licence="MIT",
    commercial_use=True,
    command="predictor train frames clips -o runs/a",
    commit="0123abc",
    iterations=7,
    training_time_s=1.5,
    hardware="2 CPU cores",
    scores={"psnr_frame_1_db": 30.25},
    measured_horizon=8,
)


@dataclass(frozen=True)
class ToyConfig:
    widths: tuple[int, ...] = (4, 6)
    pixel_range: tuple[float, float] = (0.0, 1.0)
    residual: bool = True

    def __post_init__(self) -> None:
        if not self.widths:
            raise ValueError("widths is empty")


class Toy(nn.Module):
    context = 2
    multiple = 4

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.config = config
        self.pixel_range = config.pixel_range
        self.first = nn.Conv2d(3, config.widths[0], 3)
        self.norm = nn.BatchNorm2d(config.widths[0])


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "NETWORKS", {"toy": (ToyConfig, Toy)})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "toy.safetensors"
    save_network(path, "toy", Toy(ToyConfig(widths=(5,))), PROVENANCE)
    return path


def rewritten(path: Path, **changes: object) -> Path:
    """Write the file again with `changes` in its metadata."""
    metadata = json.loads(read_metadata(path).model_dump_json()) | changes
    save_file(load_file(path), path, {METADATA_KEY: json.dumps(metadata)})
    return path


def test_round_trip_restores_every_tensor_to_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Toy(ToyConfig(widths=(5, 7), residual=False))
    network.norm.num_batches_tracked.fill_(2**40 + 1)  # lost if integers were stored as float16
    written = save_network(tmp_path / "a" / "toy.safetensors", "toy", network, PROVENANCE)
    restored, metadata = load_network(tmp_path / "a" / "toy.safetensors")
    assert metadata == written
    assert metadata.provenance == PROVENANCE
    assert restored.config == ToyConfig(widths=(5, 7), residual=False)  # a tuple, not a list
    assert not restored.training
    for name, tensor in network.state_dict().items():
        found = restored.state_dict()[name]
        assert found.dtype == tensor.dtype
        half = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(found, half), name


def test_contract_is_the_network_s_own(saved: Path) -> None:
    contract = read_metadata(saved).contract
    assert contract.model_dump() == {
        "layout": "(N, T, 3, H, W)",
        "pixel_range": (0.0, 1.0),
        "context": 2,
        "multiple": 4,
    }


def test_floating_tensors_are_stored_in_half_precision(saved: Path) -> None:
    tensors = load_file(saved)
    assert {t.dtype for n, t in tensors.items() if "num_batches" not in n} == {torch.float16}


def test_loading_leaves_random_state_alone(saved: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    load_network(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_existing_file_is_kept_without_overwrite(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(OutputExists, match="--overwrite"):
        save_network(saved, "toy", Toy(ToyConfig()), PROVENANCE)
    assert saved.read_bytes() == before
    save_network(saved, "toy", Toy(ToyConfig()), PROVENANCE, overwrite=True)
    assert read_metadata(saved).config["widths"] == [4, 6]


def test_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputNotWritten, match=r"toy\.safetensors"):
        save_network(tmp_path / "file" / "toy.safetensors", "toy", Toy(ToyConfig()), PROVENANCE)


def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    network = Toy(ToyConfig())
    network.norm.running_var.fill_(1e6)
    with pytest.raises(DamagedWeights, match=r"norm\.running_var.*float16"):
        save_network(tmp_path / "toy.safetensors", "toy", network, PROVENANCE)
    assert list(tmp_path.iterdir()) == []


class Exploit:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was read",))


def archived(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.safetensors"])
@pytest.mark.parametrize("protocol", [None, 2, 4])
def test_pickles_are_refused_unread(tmp_path: Path, name: str, protocol: int | None) -> None:
    path = tmp_path / name
    bad = Exploit()
    path.write_bytes(archived(bad) if protocol is None else pickle.dumps(bad, protocol))
    with pytest.raises(DamagedWeights, match=f"{name} is a .*pickle.*not read"):
        load_network(path)


@pytest.mark.parametrize("kept", [0, 5, 9, 60, 0.5, 0.999])
def test_truncated_file_is_refused(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(DamagedWeights, match=r"toy\.safetensors"):
        load_network(saved)


def test_flipped_bit_is_refused(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-3] ^= 1
    saved.write_bytes(content)
    with pytest.raises(DamagedWeights, match="not those that were written"):
        load_network(saved)


def test_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DamagedWeights, match="not a safetensors file"):
        load_network(path)


def test_safetensors_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(save({"weight": torch.zeros(2)}))
    with pytest.raises(DamagedWeights, match="without 'predictor' in its header"):
        load_network(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "transformer"}, "network 'transformer', known are toy"),
        ({"format_version": 2}, "format_version"),
        ({"config": {"widths": [4], "depth": 3}}, "depth of its config"),
        ({"config": {"widths": "wide"}}, "widths"),
        ({"config": {"widths": []}}, "widths is empty"),
        ({"config": {"widths": [4]}}, r"'first\.\w+' is \(5,"),
        ({"provenance": {}}, r"provenance\.data"),
    ],
)
def test_unusable_header_is_named(saved: Path, changes: Mapping[str, object], message: str) -> None:
    with pytest.raises(DamagedWeights, match=message):
        load_network(rewritten(saved, **changes))


@pytest.mark.parametrize(
    ("dropped", "added", "message"),
    [("first.bias", None, "lacks 1 tensors.*first.bias"), (None, "last.bias", "1 unknown.*last")],
)
def test_other_tensors_are_named(
    saved: Path, dropped: str | None, added: str | None, message: str
) -> None:
    tensors = load_file(saved)
    metadata = json.loads(read_metadata(saved).model_dump_json())
    if dropped is not None:
        del tensors[dropped]
    if added is not None:
        tensors[added] = torch.zeros(3)
    metadata["tensors_sha256"] = weights._sha256(tensors)
    save_file(tensors, saved, {METADATA_KEY: json.dumps(metadata)})
    with pytest.raises(DamagedWeights, match=message):
        load_network(saved)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"no weights file .*gone\.safetensors"):
        load_network(tmp_path / "gone.safetensors")
