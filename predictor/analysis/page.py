"""The parts of a report: a self-contained HTML page, tables and pictures."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from math import isnan
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray
from torch import Tensor

from predictor.analysis.intervals import Mean
from predictor.media.images import to_uint8
from predictor.whole_files import write_whole

_PICTURE_WIDTH_PX = 300

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff;
       max-width: 1240px; margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; font-weight: 600; overflow-wrap: anywhere; }
p { margin: .4rem 0; } .note { color: #59636e; }
table { border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #e4e8ec; }
th { font-weight: 600; color: #59636e; } td:first-child, th:first-child { text-align: left; }
tr.own td { font-weight: 600; } small { color: #59636e; font-weight: 400; display: block; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; } svg .title { font-size: 13px; font-weight: 600; }
svg .tick { font-size: 11px; fill: #59636e; } svg .grid { stroke: #e4e8ec; }
svg .axis { stroke: #1f2328; }
.legend span { margin-right: 1.4rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
            margin-right: .4em; }
.pictures { display: grid; grid-template-columns: repeat(6, 1fr); gap: .35rem; }
figure { margin: 0; } figure img { width: 100%; display: block; border-radius: 3px; }
figcaption { font-size: 12px; color: #59636e; }
"""


def page(title: str, sections: Iterable[str]) -> str:
    """Return the whole page; `sections` are HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def write_page(path: Path, html: str) -> None:
    """Write a page in one step. Raises `OutputNotWritten`.

    Bytes in the name of a file that are not UTF-8 become question marks.
    """
    write_whole(path, html.encode(errors="replace"))


def table_row(cells: Sequence[str], tag: str, attributes: str = "") -> str:
    """Return a row of a table; `tag` is ``th`` or ``td``, `cells` are HTML."""
    return f"<tr{attributes}>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def mean_cell(mean: Mean, sign: str = "", digits: int = 2) -> str:
    """Return a mean above its interval; nothing where nothing was measured."""
    if isnan(mean.value):
        return ""
    form = f"{sign}.{digits}f"
    return f"{mean.value:{form}}<small>{mean.low:{form}} … {mean.high:{form}}</small>"


def exact_picture(image: Tensor) -> str:
    """Return a picture ``(3, H, W)`` in [-1, 1] pixel for pixel."""
    pixels = cv2.cvtColor(to_uint8(image), cv2.COLOR_RGB2BGR)
    return f'<img alt="" width="{pixels.shape[1]}" src="{_data_url(pixels, "png")}">'


def figure(image: Tensor, caption: str) -> str:
    """Return a picture ``(3, H, W)`` in [-1, 1], made small, above its caption."""
    pixels = cv2.cvtColor(to_uint8(image), cv2.COLOR_RGB2BGR)
    height, width = pixels.shape[:2]
    if width > _PICTURE_WIDTH_PX:
        size = (_PICTURE_WIDTH_PX, max(1, round(height * _PICTURE_WIDTH_PX / width)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    source = _data_url(pixels, "jpeg", [cv2.IMWRITE_JPEG_QUALITY, 88])
    name = escape(caption)
    return f'<figure><img src="{source}" alt="{name}"><figcaption>{name}</figcaption></figure>'


def _data_url(pixels: NDArray[Any], kind: str, options: Sequence[int] = ()) -> str:
    _, encoded = cv2.imencode(f".{kind}", pixels, options)
    return f"data:image/{kind};base64,{base64.b64encode(encoded.tobytes()).decode()}"
