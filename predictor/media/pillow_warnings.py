"""What Pillow warns of, which concerns metadata: pictures that cannot be decoded raise errors."""

import warnings


def silence_pillow() -> None:
    """Let this process not print Pillow's warnings, of which a batch would have one for each file.

    For programs and their worker processes, not for the library: the filter is that of the process.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
