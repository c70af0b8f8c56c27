"""The test of a recipe of the system ``frames``, published and measured numbers side by side."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from predictor.cli.console import print_document, progress_on_stderr

if TYPE_CHECKING:
    from predictor.recipes import Recipe


def reproduce_frames(
    *,
    recipe: "Recipe",
    model: str,
    data: Path,
    listed: Path | None,
    every: int,
    windows: int,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Test the model by the protocol of `recipe`; the others are the options of the command."""
    import predictor
    from predictor.analysis.reproduction_table import reproduction_tables
    from predictor.data.video_list import listed_videos
    from predictor.recipes import published_table
    from predictor.reproduction.protocols import VIDEO_PROTOCOLS

    assert recipe.protocol is not None
    where_published, published = published_table(recipe)
    names = listed_videos(data, listed)[::every] if listed or every > 1 else None
    predict = predictor.load(model, device, precision).predict
    models = {model: partial(predict, follows_cadence=False)}
    with progress_on_stderr("windows") as advance:
        found = VIDEO_PROTOCOLS[recipe.protocol](
            data, models, names=names, windows_per_video=windows, progress=advance
        )
    if as_json:
        facts = {
            "recipe": recipe.name,
            "model": model,
            "protocol": recipe.protocol,
            "published_data": where_published,
            "published": [{"method": row.method, **row.scores} for row in published],
            "measured": {
                reading: [row.as_json() for row in rows]
                for reading, rows in found.by_reading.items()
            },
            "videos": found.videos,
            "windows": found.windows,
            "skipped": dict(found.skipped),
            "notes": found.notes,
        }
        print_document(data, None, facts)
        return
    from rich.console import Console

    rows = [(row.method, row.scores) for row in published]
    Console().print(reproduction_tables(recipe.title, where_published, rows, found))
