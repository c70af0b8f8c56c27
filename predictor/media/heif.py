"""HEIC and AVIF, for whose pictures Pillow needs a decoder that is not always there."""

from pathlib import Path

from PIL import features

from predictor.errors import UnreadableImage

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")


def require_decoder(data: bytes, path: Path) -> None:
    """Make the file that begins with `data`, if it is HEIC, readable by Pillow.

    The brands in its first box say which of the two it is (ISO/IEC 23008-12, section 10).
    Raises `UnreadableImage`, which says `path` and the remedy, where no decoder is installed.
    """
    if data[4:8] != b"ftyp":
        return
    size = int.from_bytes(data[:4], "big")
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(size, len(data)), 4))}
    if not brands.isdisjoint(_AVIF_BRANDS):
        if "avif" in features.modules and features.check("avif"):
            return
        raise UnreadableImage(
            f"{path} is AVIF, which this Pillow cannot read: pip install -U pillow"
        )
    if not brands.isdisjoint(_HEIF_BRANDS):
        try:
            import pillow_heif
        except ImportError as error:
            raise UnreadableImage(
                f"{path} is HEIC: pip install 'predictor-pipelines[heif]' reads it"
            ) from error
        pillow_heif.register_heif_opener()
