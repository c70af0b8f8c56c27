"""The settings that every run has, and the tables of networks and optimizers in them."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from predictor.devices import MOST_THREADS
from predictor.networks import NETWORKS
from predictor.systems import schedule
from predictor.systems.phases import Optimizer


class RunSettings(BaseModel):
    """Settings of a run of any system; unknown keys are refused.

    Those in `changeable` decide how fast a run is and what it keeps and shows on the way; all
    others, `seed` among them, decide the weights that come out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    places: ClassVar[frozenset[str]] = frozenset()
    """Settings that are paths of more data. They may change; a run remembers the new path."""

    changeable: ClassVar[frozenset[str]] = frozenset(
        {
            "channels_last",
            "checkpoint_every",
            "compile",
            "device",
            "keep_checkpoints",
            "precision",
            "preview_every",
            "replay",
            "report_every",
            "threads",
            "validate_every",
            "workers",
        }
    )
    """Settings that may change when a run is resumed, nested ones by their dotted names; to change
    any other would make it a different run."""

    iterations: int = 10_000
    batch_size: int = 8
    """Examples in a batch, over all ranks together."""
    seed: int = 0

    checkpoint_every: int = 500
    """Iterations; a kill loses at most this much work."""
    keep_checkpoints: int = 2
    """Newest checkpoints kept; the best by validation is kept beside them."""
    report_every: int = 50
    preview_every: int = 1000
    validate_every: int = 1000

    device: str = "auto"
    """``"auto"`` is the GPU where there is one; else ``"cpu"``, ``"cuda"``, ``"cuda:1"``."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``"auto"`` is bfloat16 where the device multiplies it natively; weights stay float32."""
    channels_last: bool = True
    compile: bool = False
    """Compile the networks with `torch.compile`; needs a C++ compiler."""
    replay: bool = True
    """Record an iteration on a GPU as a CUDA graph and replay it, where the system allows: several
    times as fast for small networks, but up to twice the memory, and no gradient norms of single
    terms in the log. Ignored with `compile`."""
    workers: int | None = None
    """Processes that load data; None is one on a CPU and up to eight beside a GPU, and none for
    small pictures, which are copied from memory."""
    threads: int | None = None
    """CPU threads of the main process; None leaves PyTorch's choice."""

    # Validators, not constraints of the fields: a subclass that changes a default loses those.
    @field_validator(
        "iterations",
        "batch_size",
        "checkpoint_every",
        "keep_checkpoints",
        "report_every",
        "preview_every",
        "validate_every",
    )
    @classmethod
    def _at_least_one(cls, value: int | None) -> int | None:
        if value is not None and value < 1:
            raise ValueError("expected 1 or more")
        return value

    @field_validator("threads")
    @classmethod
    def _can_be_started(cls, value: int | None) -> int | None:
        if value is not None and not 1 <= value <= MOST_THREADS:
            raise ValueError(f"expected 1 to {MOST_THREADS}")
        return value

    @field_validator("seed", "workers")
    @classmethod
    def _not_negative(cls, value: int | None) -> int | None:
        if value is not None and value < 0:
            raise ValueError("expected 0 or more")
        return value

    @model_validator(mode="before")
    @classmethod
    def _tables_change_only_what_they_name(cls, values: Any) -> Any:
        """Complete each nested table with its defaults, so that a part of it can be given.

        Not with those of another network, or kind of optimizer, than the one that it names.
        """
        if not isinstance(values, dict):
            return values
        filled = dict(values)
        for name, field in cls.model_fields.items():
            given = values.get(name)
            if isinstance(given, dict) and isinstance(field.default, BaseModel):
                defaults = field.default.model_dump()
                if all(given.get(key) in (None, defaults.get(key)) for key in ("network", "kind")):
                    filled[name] = {**defaults, **given}
        return filled


class Table(BaseModel):
    """A nested table of settings; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class NetworkSettings(BaseModel):
    """A network by its name in `NETWORKS`, with options that are the fields of its config."""

    model_config = ConfigDict(frozen=True, extra="allow")

    network: str

    @model_validator(mode="after")
    def _is_known(self) -> "NetworkSettings":
        if self.network not in NETWORKS:
            raise ValueError(f"no network {self.network!r}; known are {', '.join(NETWORKS)}")
        self.config()
        return self

    def config(self) -> Any:
        """Return the network's config."""
        kind = NETWORKS[self.network][0]
        fields = self.model_extra or {}
        known = kind.__dataclass_fields__
        for name in fields:
            if name not in known:
                raise ValueError(f"{self.network} has no {name!r}; known are {', '.join(known)}")
        try:
            return TypeAdapter(kind).validate_python(fields)
        except ValidationError as error:
            message = str(error.errors(include_url=False)[0]["msg"])
            raise ValueError(message.removeprefix("Value error, ")) from error

    def config_with(self, *needed: str) -> Any:
        """Return the config; raises `ValueError` if a system needs more of it than it has."""
        config = self.config()
        for name in needed:
            if not hasattr(config, name):
                fitting = [key for key, (kind, _) in NETWORKS.items() if _has(kind, needed)]
                raise ValueError(
                    f"{self.network} does not fit here: it has no {name!r}; networks with "
                    f"{' and '.join(map(repr, needed))} are {', '.join(fitting)}"
                )
        return config

    def build(self) -> Any:
        """Return the network with fresh weights."""
        return NETWORKS[self.network][1](self.config())


def playing(role: str) -> AfterValidator:
    """Return the validator of a `NetworkSettings` that refuses networks of another `role`.

    The role is an attribute of the network's class; one without any is taken on trust.
    """

    def checked(chosen: NetworkSettings) -> NetworkSettings:
        found = _role(chosen.network)
        if found not in (None, role):
            fitting = ", ".join(name for name in NETWORKS if _role(name) == role)
            raise ValueError(f"{chosen.network} is a {found}, expected a {role}: {fitting}")
        return chosen

    return AfterValidator(checked)


def _role(network: str) -> str | None:
    return getattr(NETWORKS[network][1], "role", None)


def _has(config: Any, names: Sequence[str]) -> bool:
    """Return whether a class of configs has these fields or properties."""
    return all(name in config.__dataclass_fields__ or hasattr(config, name) for name in names)


class OptimizerSettings(Table):
    """The optimizer of a phase, and the schedules of its learning rate and momentum.

    By default the learning rate falls from `learning_rate` at the first iteration towards
    `final_learning_rate`, which it would have one iteration after the last. With
    ``decay="exponential"`` it is divided by `divisor` every `divide_every` iterations down to
    `final_learning_rate`, however long the run.
    """

    kind: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = Field(4e-4, gt=0)
    final_learning_rate: float = Field(4e-6, ge=0)
    decay: Literal["linear", "cosine", "exponential"] = "cosine"
    divisor: float = Field(1.0, ge=1)
    divide_every: int = Field(1, ge=1)
    """Iterations."""
    warmup_iterations: int = Field(0, ge=0)
    constant_share: float = Field(0.0, ge=0, lt=1)
    """Share of the iterations before a linear or cosine decay begins."""
    momentum: float = Field(0.0, ge=0, lt=1)
    final_momentum: float | None = Field(None, ge=0, lt=1)
    """What the momentum of sgd rises or falls to; None: it is constant."""
    momentum_epochs: tuple[int, int] = (0, 1)
    """First and last epoch of that change, linear in between and constant within an epoch."""
    epoch_iterations: int = Field(1, ge=1)
    """Iterations in one of those epochs."""
    dampened: bool = False
    """Multiply the gradient by 1 - momentum before sgd adds it to the velocity, so that momentum
    does not lengthen the steps: the default of optim.sgd in Lua Torch."""
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = Field(1e-8, gt=0)
    """Added to the square root of the second moment in adam and adamw."""
    epsilon_under_root: bool = False
    """Add epsilon to the second moment of adam instead, under the root."""
    weight_decay: float = Field(0.0, ge=0)
    gradient_norm_limit: float | None = Field(None, ge=0)
    """Scale the gradients of a phase down to this norm if theirs is larger; 0 or None: never."""

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> "OptimizerSettings":
        if self.epsilon_under_root and self.kind != "adam":
            raise ValueError(f"epsilon_under_root is for adam, kind is {self.kind}")
        if self.kind != "sgd":
            for name in ("momentum", "final_momentum", "dampened"):
                if getattr(self, name):
                    raise ValueError(f"{name} is for sgd, kind is {self.kind}")
        return self

    @model_validator(mode="after")
    def _rate_does_not_rise(self) -> "OptimizerSettings":
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"learning_rate={self.learning_rate} is below final_learning_rate="
                f"{self.final_learning_rate}, which it falls to: set both"
            )
        return self

    def optimizer(self, iterations: int) -> Optimizer:
        """Return the optimizer for a run of `iterations`."""
        end = self.final_learning_rate / self.learning_rate
        constant = round(self.constant_share * iterations)
        if self.decay == "cosine":
            factor = schedule.cosine(iterations - constant, end)
        elif self.decay == "exponential":
            factor = schedule.exponential(self.divisor, self.divide_every, end)
        else:
            factor = schedule.linear(iterations - constant, end=end)
        if constant and self.decay != "exponential":
            factor = schedule.delayed(factor, constant)
        if self.warmup_iterations:
            factor = schedule.warmed_up(factor, self.warmup_iterations)
        return Optimizer(
            kind=self.kind,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            betas=self.betas,
            epsilon=self.epsilon,
            has_epsilon_under_root=self.epsilon_under_root,
            weight_decay=self.weight_decay,
            gradient_norm_limit=self.gradient_norm_limit or None,
            learning_rate_factor=factor,
            momentum_at=self._momentum_at(),
            is_dampened=self.dampened,
        )

    def scaled(self, share: float) -> "OptimizerSettings":
        """Return these settings for a run of `share` times the iterations, 0 < share <= 1.

        Learning rate and momentum pass through the same values, `share` times as fast. Intervals
        are whole iterations: where one is rounded, the change at its end is adjusted to it.
        """
        exact_interval, exact_epoch = self.divide_every * share, self.epoch_iterations * share
        divide_every, epoch_iterations = max(1, round(exact_interval)), max(1, round(exact_epoch))
        first, last = (round(end * exact_epoch / epoch_iterations) for end in self.momentum_epochs)
        changes = {
            "divide_every": divide_every,
            "divisor": self.divisor ** (divide_every / exact_interval),
            "epoch_iterations": epoch_iterations,
            "momentum_epochs": (first, last),
            "warmup_iterations": round(self.warmup_iterations * share),
        }
        return OptimizerSettings.model_validate({**self.model_dump(), **changes})

    def _momentum_at(self) -> schedule.Schedule | None:
        if self.final_momentum is None:
            return None
        return schedule.ramp(
            self.momentum, self.final_momentum, self.momentum_epochs, self.epoch_iterations
        )
