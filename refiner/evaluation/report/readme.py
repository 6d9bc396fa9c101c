"""Shows measured results: the README's table, all tables in a file of their own, a plot over prompts.

A results folder holds the documents that `refiner.commands.evaluate.evaluate_models` wrote; JSON files of
another kind in it are left alone. Everything in a table comes from such a file, but for the
numbers of the paper, which are marked as such.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure

from refiner.evaluation.report.paper import PAPER
from refiner.evaluation.report.photos import (
    Results,
    count_of,
    parse_results,
    photo_section,
    prompt_table,
)
from refiner.evaluation.report.plots import NAMES, Curve, Panel, arranged, draw_panels, figure_bytes
from refiner.evaluation.report.scale import render_scale
from refiner.evaluation.report.videos import render_videos
from refiner.types import InputError

START = "<!-- results:start -->"
END = "<!-- results:end -->"
TITLE = """# Measured results

Photos and clips that the models never saw, the same prompts for all, three seeds for random points;
mIoU and boundary IoU (mBIoU, 2 % of the diagonal) in per cent. `python -m refiner report` writes this
file from the JSON files in `assets/results`."""
_PLOT_KINDS: dict[str, Literal["svg", "png"]] = {".svg": "svg", ".png": "png"}


def read_results(results_dir: Path) -> list[Results]:
    """Read the documents of a folder that measure photos, by name.

    Raises:
        InputError: the folder has none, or a file is not valid JSON.
    """
    results = [parse_results(name, document) for name, document in read_documents(results_dir)]
    results = [one for one in results if one.rows]
    if not results:
        raise InputError(f"{results_dir} has no results; run `python -m refiner evaluate` first.")
    return results


def read_documents(results_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the documents of a folder with their names.

    Raises:
        InputError: a file is not valid JSON.
    """
    documents = []
    for file in sorted(results_dir.glob("*.json")):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"Cannot read the results {file}: {error}.") from error
        if isinstance(document, dict) and "rows" in document:
            documents.append((file.stem, document))
    return documents


def render_tables(results_dir: Path) -> str:
    """Write the markdown of a results folder: tables for each document, then the paper's.

    Raises:
        InputError: the folder has no document, or one cannot be read.
    """
    videos = render_videos(read_documents(results_dir))
    parts = (*sections(results_dir).values(), PAPER, videos)
    return "\n\n".join(part for part in parts if part)


def sections(results_dir: Path) -> dict[str, str]:
    """Write the markdown of each document of a results folder, by name.

    Raises:
        InputError: the folder has no document, or one cannot be read.
    """
    return {results.name: photo_section(results) for results in read_results(results_dir)}


def headline(results_dir: Path) -> str:
    """Write the one table for the README: the models over the prompts, on what was segmented most.

    Raises:
        InputError: the folder has no document with random points, or one cannot be read.
    """
    curves = drawable(results_dir)
    if not curves:
        raise InputError(f"{results_dir} has no results with points:K prompts for the README.")
    return prompt_table(max(curves, key=lambda results: len(results.rows)))


def update_readme(readme: Path, results_dir: Path, *, check: bool = False) -> bool:
    """Put `headline` between the markers of a README and `render_tables` into `RESULTS.md`.

    `RESULTS.md` lies beside the results folder; `render_scale` goes between the markers of the
    `SCALE.md` there, if there is one. With `check` nothing is written.

    Returns:
        Whether that changes any of the files.

    Raises:
        InputError: a file cannot be read or does not have each marker once, in order.
    """
    folder = results_dir.absolute().parent
    tables, scale = folder / "RESULTS.md", folder / "SCALE.md"
    files = {
        readme: _filled(readme, headline(results_dir)),
        tables: f"{TITLE}\n\n{render_tables(results_dir)}\n",
    }
    if scale.is_file():
        files[scale] = _filled(scale, render_scale(results_dir))
    changed = [file for file, content in files.items() if _content(file) != content]
    if not check:
        for file in changed:
            file.write_text(files[file], encoding="utf-8")
    return bool(changed)


def _filled(file: Path, part: str) -> str:
    """Return the text of a file with `part` between its markers."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}.") from error
    if text.count(START) != 1 or text.count(END) != 1 or text.index(END) < text.index(START):
        raise InputError(f"{file} must have {START} once and {END} once after it.")
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n\n{part}\n\n{END}{after}"


def _content(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def plot(results_dir: Path, out: Path) -> None:
    """Draw mIoU and mBIoU over the number of points, a row of panels a document.

    `out` ends in .svg or .png. The group of objects is drawn where there is one, else everything;
    the band is the standard deviation over the seeds.

    Raises:
        InputError: the folder has no document with random points, or `out` another ending.
    """
    kind = _PLOT_KINDS.get(out.suffix)
    if kind is None:
        raise InputError(f"The plot must be an .svg or .png file, got {out.name!r}.")
    drawn = drawable(results_dir)
    if not drawn:
        raise InputError(f"{results_dir} has no results with points:K prompts to draw.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(figure_bytes(draw_panels([_panels(results) for results in drawn]), kind))


def plot_curves(results: Results, tall: bool = False) -> Figure:
    """Draw mIoU and mBIoU over the number of points, `tall` one below the other."""
    return draw_panels(arranged(_panels(results), tall))


def drawable(results_dir: Path) -> list[Results]:
    """Read the documents with a curve over points; ablations have too many for a plot.

    Raises:
        InputError: the folder has no document, or one cannot be read.
    """
    found = read_results(results_dir)
    return [results for results in found if len(results.point_prompts) > 1 and not results.ablation]


def _panels(results: Results) -> list[Panel]:
    source = "objects" if "objects" in results.values(0) else "all"
    count = next(row["n"] for (of, *_), row in results.rows.items() if of == source)
    return [
        Panel(f"{title}, {count} photos", title, "points", _curves(results, source, metric))
        for metric, title in (("miou", "mIoU"), ("mbiou", "mBIoU"))
    ]


def _curves(results: Results, source: str, metric: str) -> list[Curve]:
    specs = results.point_prompts
    curves = []
    for model in results.values(2):
        rows = [results.rows[source, spec, model] for spec in specs]
        means = [100 * row[metric] for row in rows]
        spread = [100 * row[f"{metric}_sd"] for row in rows]
        counts = [count_of(spec) for spec in specs]
        curves.append(Curve(model, NAMES.get(model, model), counts, means, spread))
    return curves
