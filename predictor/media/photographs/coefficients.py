"""Quantised DCT coefficients of a JPEG file: read, changed in place, and written without loss.

The library that opens them, libjpeg-turbo through ``pyjpegio``, reads and writes files by name;
in-memory files have one on Linux.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import scipy.fft

from predictor.media.photographs.segments import JpegFile, parsed_jpeg

BLOCK = 8
_AC_SYMBOLS, _DC_SYMBOLS = 162, 12  # of 8-bit sequential coding: tables that code every block
_MOST = 1023
_MIDDLE = 128.0
_BASELINE = (0xC0, 0xC1)

Floats = npt.NDArray[np.float32]


class CoefficientsUnavailable(Exception):
    """Coefficients that cannot be opened here; the message says why."""


class Coefficients:
    """The coefficients of every component of a JPEG file, block by block.

    Raises `CoefficientsUnavailable` for a kind of JPEG that the library does not open, or without
    the library.
    """

    def __init__(self, data: bytes, file: JpegFile) -> None:
        self.file = file
        if not file.is_transcodable:
            raise CoefficientsUnavailable("its kind of JPEG is not coded in quantised 8-bit blocks")
        try:
            import jpegio
        except ImportError as error:
            raise CoefficientsUnavailable(
                "the package pyjpegio, which opens JPEG blocks, is not installed"
            ) from error
        with _named_file(data) as path:
            try:
                self._opened = jpegio.read(path)
            except RuntimeError as error:
                raise CoefficientsUnavailable(f"its blocks cannot be opened: {error}") from error
        self._planes: list[npt.NDArray[np.int32]] = list(self._opened.coef_arrays)
        if len(self._planes) != len(file.components):
            raise CoefficientsUnavailable("its components cannot be told apart")
        self.tables: list[Floats] = [
            np.asarray(self._opened.quant_tables[self._table_slot(number)], np.float32)
            for number in range(len(self._planes))
        ]
        """The quantisation table ``(8, 8)`` of each component."""
        if any((table < 1).any() for table in self.tables):
            raise CoefficientsUnavailable("a quantisation table has a zero")

    def blocks(self, component: int) -> npt.NDArray[np.int32]:
        """Return a view ``(rows, columns, 8, 8)`` of the quantised coefficients of a component."""
        plane = self._planes[component]
        rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
        return plane.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)

    def samples(self, component: int, rows: slice, columns: slice) -> Floats:
        """Return the samples ``(H, W)`` of a component in blocks `rows` and `columns`.

        They are what a decoder has before it rounds them: about 0 to 255.
        """
        quantised = self.blocks(component)[rows, columns]
        spectrum = np.multiply(quantised, self.tables[component], dtype=np.float32)
        tiles = scipy.fft.idctn(spectrum, axes=(2, 3), norm="ortho") + np.float32(_MIDDLE)
        height, width = quantised.shape[0] * BLOCK, quantised.shape[1] * BLOCK
        return np.asarray(tiles.swapaxes(1, 2).reshape(height, width), np.float32)

    def replace(
        self,
        component: int,
        rows: slice,
        columns: slice,
        samples: Floats,
        is_touched: npt.NDArray[np.bool_],
    ) -> None:
        """Quantise `samples` ``(H, W)`` into the blocks `rows` and `columns` of a component.

        Only the blocks that `is_touched` ``(rows, columns)`` names are written.
        """
        view = self.blocks(component)[rows, columns]
        height, width = view.shape[:2]
        tiles = samples.reshape(height, BLOCK, width, BLOCK).swapaxes(1, 2)[is_touched]
        spectrum = scipy.fft.dctn(tiles - np.float32(_MIDDLE), axes=(1, 2), norm="ortho")
        quantised = np.rint(spectrum / self.tables[component])
        view[is_touched] = np.clip(quantised, -_MOST, _MOST).astype(np.int32)

    def encoded(self) -> JpegFile:
        """Return a file with the coefficients as they are now, coded as the file they came from.

        Sequential or progressive, restart markers, sampling and tables are kept. Its Huffman tables
        are kept where they can code anything, else new ones are made.
        """
        self._opened.optimize_coding = 0 if self._has_complete_codes() else 1
        with _named_file(b"") as path:
            try:
                self._opened.write(path)
            except RuntimeError as error:
                raise CoefficientsUnavailable(f"its blocks cannot be written: {error}") from error
            with open(path, "rb") as written:
                return parsed_jpeg(written.read(), "the picture written")

    def _has_complete_codes(self) -> bool:
        if self.file.frame not in _BASELINE:
            return False
        counts = self.file.huffman_symbols()
        used = {
            *((0, info.dc_tbl_no) for info in self._opened.comp_info),
            *((1, info.ac_tbl_no) for info in self._opened.comp_info),
        }
        return all(
            counts.get(kind << 4 | number, 0) >= (_AC_SYMBOLS if kind else _DC_SYMBOLS)
            for kind, number in used
        )

    def _table_slot(self, component: int) -> int:
        """Return which of the tables found, in the order of their numbers, a component uses."""
        number = self.file.components[component].table
        defined = sorted(self.file.quantisation_tables())
        if number not in defined or len(defined) != len(self._opened.quant_tables):
            raise CoefficientsUnavailable("its quantisation tables cannot be told apart")
        return defined.index(number)


@contextlib.contextmanager
def _named_file(content: bytes) -> Iterator[str]:
    """Yield the name of a file that has `content` and is gone after the block."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("jpeg")
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "picture.jpg")
        with open(path, "wb") as file:
            file.write(content)
        yield path
