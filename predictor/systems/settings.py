"""The settings that every run has; those of a system are a subclass that adds fields."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class RunSettings(BaseModel):
    """What a run of any system is told, unknown keys refused.

    The field `seed` and everything that is not in `changeable` decides the weights that come out;
    the rest decides how fast they come, and what is kept and shown on the way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    changeable: ClassVar[frozenset[str]] = frozenset(
        {
            "channels_last",
            "checkpoint_every",
            "compile",
            "device",
            "keep_checkpoints",
            "precision",
            "preview_every",
            "report_every",
            "threads",
            "validate_every",
            "workers",
        }
    )
    """Settings that a resumed run may be given anew; any other would make it a different run."""

    iterations: int = Field(default=10_000, ge=1)
    batch_size: int = Field(default=8, ge=1)
    """Examples an iteration's phase sees, over all ranks together."""
    seed: int = Field(default=0, ge=0)

    checkpoint_every: int = Field(default=500, ge=1)
    """Iterations; a kill loses at most this much work."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Newest checkpoints kept; the best by validation is kept beside them."""
    report_every: int = Field(default=50, ge=1)
    preview_every: int = Field(default=1000, ge=1)
    validate_every: int = Field(default=1000, ge=1)

    device: str = "auto"
    """``"auto"`` is the GPU where there is one; else ``"cpu"``, ``"cuda"``, ``"cuda:1"``."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``"auto"`` is bfloat16 where the device multiplies it natively; weights stay float32."""
    channels_last: bool = True
    compile: bool = False
    """Compile the networks with `torch.compile`; needs a C++ compiler."""
    workers: int | None = Field(default=None, ge=0)
    """Processes that load data; None is one on a CPU and up to eight beside a GPU."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of the main process; None leaves PyTorch's choice."""
