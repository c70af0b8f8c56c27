"""The codes that a model reads from pictures, as a table with a row a picture."""

from dataclasses import dataclass
from pathlib import Path

import torch

from predictor.analysis.code_reader import CodeReader
from predictor.analysis.csv_rows import csv_text
from predictor.analysis.pictures import fitted_part, image_batches, place_of
from predictor.data.image_formats import open_pictures
from predictor.data.image_packing import fit_of_shape
from predictor.structured_latents import Codes

_DECIMALS = 4


@dataclass(frozen=True, eq=False)
class CodeTable:
    """What was read, and of which pictures."""

    files: tuple[str, ...]
    """Relative to where the pictures lie, sorted; rows of an array in their order."""
    names: tuple[str, ...]
    """Of the codes."""
    codes: Codes
    """The most likely ones, a row a file."""
    skipped: tuple[str, ...]
    """What could not be read, one line each; it has no row."""

    def as_csv(self) -> str:
        """Return the columns ``file``, ``c1``, ``c2``, …, of a categorical code the category."""
        columns = [found.tolist() for found in self.codes.categories]
        columns += [
            [f"{number:.{_DECIMALS}f}" for number in column]
            for column in self.codes.numbers.T.tolist()
        ]
        return csv_text(["file", *self.names], zip(self.files, *columns, strict=True))


def code_table(reader: CodeReader, path: Path) -> CodeTable:
    """Return the codes of every picture at `path`, in any format that `open_pictures` reads.

    A folder is read with all folders below it, whatever their names. Pictures of another size than
    the model's are resized and cropped in the middle, as in training. Raises `UnusableData`.
    """
    collection = open_pictures(path)
    fit = fit_of_shape(reader.image_shape, reader.short_side)
    parts, skipped = [], list(collection.skipped)
    for name in collection.parts:
        part, unread = fitted_part(collection, name, fit)
        parts.append(part)
        skipped += unread
    files = [name for part in parts for name in part.names]
    read = [reader.codes(batch) for part in parts for batch in image_batches(part.pixels)]
    order = sorted(range(len(files)), key=lambda row: place_of(files[row]))
    categories = tuple(
        torch.cat(column)[order]
        for column in zip(*(codes.categories for codes in read), strict=True)
    )
    numbers = torch.cat([codes.numbers for codes in read])[order]
    return CodeTable(
        tuple(files[row] for row in order),
        reader.structure.names,
        Codes(categories, numbers),
        tuple(skipped),
    )
