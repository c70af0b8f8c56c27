"""Every error that a user can cause, as one tree.

PredictorError
├── UnreadableMedia (OSError)         a file that cannot be decoded
│   ├── UnreadableVideo
│   └── UnreadableImage
├── UnusableMask (ValueError)         a mask that is missing, does not fit, or covers everything
├── NotEnoughFrames (ValueError)      a clip too short to predict from
├── OutputError (OSError)             an output that was not written
│   ├── OutputExists (FileExistsError)
│   ├── OutputIsInput (ValueError)
│   └── OutputNotWritten              no space, no permission
├── UnsupportedCodec (ValueError)     a codec or container that cannot be written here
├── UnknownModel (LookupError)        a model that is missing or cannot do what is asked of it
├── UnknownRun (LookupError)          a folder without a training run
├── DamagedWeights (ValueError)       not a safetensors file, or not one of ours
├── DamagedCheckpoint (ValueError)
├── SettingsError (ValueError)        a setting that is unknown or cannot work
├── TensorContractError (ValueError)  a tensor of the wrong shape, type or range
├── UnusableData (ValueError)         a data set with nothing to train on
├── DivergenceError (ArithmeticError) a loss that is not finite
├── OutOfDeviceMemory (MemoryError)
├── WorkerLost (RuntimeError)         a process that died while it worked on an input
└── Interrupted                       SIGINT, SIGTERM or SIGHUP, after the state was saved

Leaves also inherit the built-in exception that a caller would expect. A message says what was
found, what was expected, and in which file or setting.
"""

from numbers import Integral


class PredictorError(Exception):
    """Root of the tree; the command line prints its message as one line."""


class UnreadableMedia(PredictorError, OSError):
    """A media file that is missing, empty or cannot be decoded."""


class UnreadableVideo(UnreadableMedia):
    """A video that is missing, empty or has no decodable picture."""


class UnreadableImage(UnreadableMedia):
    """An image that is missing, empty or cannot be decoded."""


class UnusableMask(PredictorError, ValueError):
    """A mask that is missing, unreadable, of another size, or covers the whole picture."""


class NotEnoughFrames(PredictorError, ValueError):
    """A clip with fewer frames than a prediction needs."""


class OutputError(PredictorError, OSError):
    """An output that was not written."""


class OutputExists(OutputError, FileExistsError):
    """An output that is there already, without ``--overwrite``."""


class OutputIsInput(OutputError, ValueError):
    """An output that would replace its own input."""


class OutputNotWritten(OutputError):
    """An output that the file system refused: no space, no permission."""


class UnsupportedCodec(PredictorError, ValueError):
    """A codec, pixel format or container that cannot be encoded here."""


class UnknownModel(PredictorError, LookupError):
    """A model that is missing, or lacks the task, class, part or input that is asked of it."""


class UnknownRun(PredictorError, LookupError):
    """A folder that holds no training run."""


class DamagedWeights(PredictorError, ValueError):
    """A weights file that is not safetensors or lacks what a released network needs."""


class DamagedCheckpoint(PredictorError, ValueError):
    """A checkpoint that cannot be read or does not fit its run."""


class SettingsError(PredictorError, ValueError):
    """A setting that is unknown or cannot work."""


class TensorContractError(PredictorError, ValueError):
    """A tensor whose shape, type or range breaks the contract of `predictor.tensors`."""


class UnusableData(PredictorError, ValueError):
    """A data set with nothing in it to train on or to evaluate."""


class DivergenceError(PredictorError, ArithmeticError):
    """A loss that is not finite; the message names the phase and the iteration."""


class OutOfDeviceMemory(PredictorError, MemoryError):
    """A device without enough memory; the message names the remedy."""


class WorkerLost(PredictorError, RuntimeError):
    """A process that died over an input, or beside others in a run: killed, or out of memory."""


class Interrupted(PredictorError):
    """A run stopped by a signal after its state was saved.

    `signal_number` decides the exit code (130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP).
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


def require_whole(name: str, value: object, least: int = 1) -> int:
    """Return `value` as an int if it is a whole number from `least` on, of Python's or NumPy's.

    Raises `SettingsError`, which calls it `name`, otherwise.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise SettingsError(f"{name} is {value!r}, expected a whole number from {least} on")
    return int(value)
