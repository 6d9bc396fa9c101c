from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from refiner.data.manifest import Row as ManifestRow
from refiner.evaluation.photos import photo_scores, photo_table
from refiner.evaluation.prompts import parse_prompt_specs
from refiner.evaluation.records import Measured
from refiner.evaluation.records import Plan as Questions
from refiner.files.reading import HERE
from refiner.types import BoolArray, InputError
from tests.fakes import RADIUS, FakeSegmenter, disc, upload
from webapp.compare.markup import plain
from webapp.compare.plot import comparison_figure
from webapp.compare.queue import Jobs
from webapp.compare.run import OBJECTS_PER_STEP, compare, measure, read_plan
from webapp.compare.samples import gather
from webapp.compare.scatter import scatter
from webapp.compare.scores import (
    CLICKS,
    RANDOM,
    PictureRow,
    Plan,
    Row,
    Sample,
    SampleScores,
    csv_text,
    summarise,
)
from webapp.compare.view import outcome, status
from webapp.shared.examples import Example
from webapp.shared.limits import Limits
from webapp.shared.uploads import Uploads

GREY = np.full((120, 160, 3), 120, dtype=np.uint8)
TRUTH = disc((120, 160), 80, 60, 45)
SMALL = disc((120, 160), 130, 20, 12)
LIMITS = Limits()


def sample(name: str, *truths: BoolArray) -> Sample:
    return Sample(name, lambda: (GREY, truths))


def run(plan: Plan, samples: Sequence[Sample], limits: Limits = LIMITS):
    jobs = Jobs(limits)
    return list(compare(FakeSegmenter(), plan, samples, jobs, jobs.start("me")))


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def measured(plan: Plan, one: Sample) -> SampleScores:
    steps = measure(FakeSegmenter(), plan, one)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def evaluated(row: ManifestRow, plan: Questions) -> list[dict[str, Any]]:
    """What the evaluation says of one photo."""
    record = photo_scores({"sam2refiner": FakeSegmenter()}, plan, row)
    return photo_table([Measured(row.id, row.kind, row.source, record)], plan)


def test_random_points_score_as_the_evaluation_does(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    Image.fromarray((TRUTH + 2 * SMALL).astype(np.uint8)).save(tmp_path / "m.png")
    row = ManifestRow("a", tmp_path / "a.png", tmp_path / "m.png", "object", "s", "val", "a")
    specs = parse_prompt_specs("points:1,points:2,points:3")
    rows = evaluated(row, Questions(specs, ("sam2", "sam2refiner"), (0, 1, 2)))
    full = measured(Plan(RANDOM, 3, 3), sample("a", TRUTH, SMALL))
    comparison = summarise(Plan(RANDOM, 3, 3), [full])
    for one in comparison.rows:
        (same,) = (
            r for r in rows
            if r["source"] == "all" and r["model"] == one.model
            and r["prompts"] == f"points:{one.prompts}"
        )  # fmt: skip
        for name in ("miou", "mbiou", "miou_sd", "mbiou_sd"):
            assert getattr(one, name) == pytest.approx(same[name], abs=1e-12)
        assert (one.objects, one.seeds, one.pictures) == (2, 3, 1)


def test_clicks_score_as_the_evaluation_does(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    Image.fromarray(TRUTH.astype(np.uint8)).save(tmp_path / "m.png")
    row = ManifestRow("a", tmp_path / "a.png", tmp_path / "m.png", "object", "s", "val", "a")
    rows = evaluated(row, Questions(parse_prompt_specs("noc"), ("sam2", "sam2refiner"), (0,)))
    plan = Plan(CLICKS, 20, 1)
    comparison = run(plan, [sample("a", TRUTH)])[-1].comparison
    assert comparison is not None
    for effort in comparison.efforts:
        (same,) = (r for r in rows if r["source"] == "all" and r["model"] == effort.model)
        assert (effort.noc85, effort.noc90) == (same["noc85"], same["noc90"])
        assert effort.failed == same["nof90"]
        curve = [one.miou for one in comparison.rows if one.model == effort.model]
        good = [count for count, value in enumerate(same["iou_per_click"]) if value < 0.9]
        assert [curve[count] for count in good] == [same["iou_per_click"][c] for c in good]


def test_an_object_is_clicked_on_beyond_a_good_mask_but_not_beyond_a_perfect_one() -> None:
    truth = disc((120, 160), 80.5, 60.5, RADIUS)
    segmenter = FakeSegmenter()
    steps = measure(segmenter, Plan(CLICKS, 5, 1), sample("a", truth))
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        scores = stop.value.scores
    assert scores["sam2"][0, :, 0].tolist() == [[1.0, 1.0]] * 5
    assert scores["sam2refiner"][0, 0, 0, 0] < 1
    assert [len(call) for call in segmenter.calls] == [2, 1, 1, 1, 1]


def test_no_step_asks_for_many_masks_at_once() -> None:
    segmenter = FakeSegmenter()
    jobs = Jobs(LIMITS)
    for plan in (Plan(RANDOM, 4, 5), Plan(CLICKS, 3, 1)):
        job = jobs.start("me")
        list(compare(segmenter, plan, [sample("a", TRUTH, SMALL, TRUTH)], jobs, job))
        jobs.end(job)
    assert max(len(call) for call in segmenter.calls) <= OBJECTS_PER_STEP


def test_a_run_tells_how_far_it_is_and_ends_with_everything() -> None:
    told = run(Plan(RANDOM, 4, 2), [sample("a", TRUTH), sample("b", SMALL)])
    assert [one.stage for one in told[:2]] == ["checking", "checking"]
    going = [one.done for one in told if one.stage == "running"]
    assert going == sorted(going)
    assert told[-1].stage == "done"
    comparison = told[-1].comparison
    assert comparison is not None
    assert [(one.prompts, one.model) for one in comparison.rows[:3]] == [
        (1, "sam2"), (1, "sam2refiner"), (2, "sam2"),
    ]  # fmt: skip
    assert {one.pictures for one in comparison.rows} == {2}


def test_cancelling_keeps_the_pictures_that_are_done() -> None:
    jobs = Jobs(LIMITS)
    job = jobs.start("me")
    steps = compare(
        FakeSegmenter(), Plan(RANDOM, 4, 2), [sample("a", TRUTH), sample("b", TRUTH)], jobs, job
    )
    for progress in steps:
        if progress.finished == 1:
            jobs.cancel("me")
    assert (progress.stage, progress.finished) == ("cancelled", 1)
    assert progress.comparison is not None
    assert progress.comparison.rows[0].pictures == 1


def test_a_late_run_ends_with_what_it_has() -> None:
    told = run(Plan(RANDOM, 4, 2), [sample("a", TRUTH)], replace(LIMITS, compare_seconds=-1))
    assert (told[-1].stage, told[-1].comparison) == ("late", None)


def test_a_visitor_has_one_run_and_others_wait_for_their_turn() -> None:
    jobs = Jobs(replace(LIMITS, compare_running=1, compare_waiting=2))
    first, second = jobs.start("me"), jobs.start("you")
    with pytest.raises(InputError, match="of yours is under way"):
        jobs.start("me")
    with pytest.raises(InputError, match="Many comparisons are waiting"):
        jobs.start("they")
    steps = compare(FakeSegmenter(), Plan(RANDOM, 1, 1), [sample("a", TRUTH)], jobs, second)
    assert next(steps).stage == "waiting"
    jobs.end(first)
    assert next(steps).stage == "checking"


def test_who_waits_can_cancel() -> None:
    jobs = Jobs(LIMITS)
    jobs.start("me")
    steps = compare(
        FakeSegmenter(), Plan(RANDOM, 1, 1), [sample("a", TRUTH)], jobs, jobs.start("you")
    )
    assert next(steps).stage == "waiting"
    jobs.cancel("you")
    assert [one.stage for one in steps] == ["cancelled"]


def test_a_bad_picture_is_refused_before_the_model_runs() -> None:
    def broken():
        raise InputError("'b': damaged")

    segmenter, jobs = FakeSegmenter(), Jobs(LIMITS)
    samples = [sample("a", TRUTH), Sample("b", broken)]
    with pytest.raises(InputError, match="'b': damaged"):
        list(compare(segmenter, Plan(RANDOM, 1, 1), samples, jobs, jobs.start("me")))
    assert not segmenter.calls


@pytest.mark.parametrize(
    ("policy", "prompts", "seeds"),
    [
        ("else", 5, 3),
        (None, 5, 3),
        (["random"], 5, 3),
        (RANDOM, 0, 3),
        (RANDOM, 21, 3),
        (RANDOM, 2.5, 3),
        (RANDOM, "5", 3),
        (RANDOM, True, 3),
        (RANDOM, float("nan"), 3),
        (RANDOM, 5, 6),
        (RANDOM, 5, None),
    ],
)
def test_senseless_plans_are_refused(policy: object, prompts: object, seeds: object) -> None:
    with pytest.raises(InputError):
        read_plan(policy, prompts, seeds, LIMITS)


def test_clicks_need_one_seed() -> None:
    assert read_plan(CLICKS, 5.0, 3, LIMITS) == Plan(CLICKS, 5, 1)


def test_uploads_are_paired_scaled_and_cut_to_the_largest_objects(tmp_path: Path) -> None:
    labels = (TRUTH + 2 * SMALL).astype(np.uint8)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        archive.writestr("JPEGImages/dog/0.png", png(GREY))
        archive.writestr("Annotations/dog/0.png", png(labels))
    uploads = Uploads(tmp_path, lambda: "me")
    archived = (tmp_path / "many.zip").read_bytes()
    sent = {"many.zip": archived, "b.png": png(GREY), "b_mask.png": png(SMALL)}
    files = [upload(uploads, name, content) for name, content in sent.items()]
    example = Example("wheel", "Wheel", GREY, (120, 160), "", None, TRUTH)  # type: ignore[arg-type]
    limits = Limits(long_side=80, compare_objects=1)
    found = gather([example], files, uploads, limits, HERE)
    assert [one.name for one in found] == ["Wheel", "dog/0", "b"]
    image, truths = found[1].read()
    assert image.shape == (60, 80, 3)
    assert len(truths) == 1
    assert truths[0].sum() == pytest.approx(TRUTH.sum() / 4, rel=0.05)
    with pytest.raises(InputError, match="3 pictures, at most 2"):
        gather([example], files, uploads, Limits(compare_pictures=2), HERE)


def test_pictures_of_one_name_are_told_apart_by_their_source(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Wheel.png", png(GREY))
        archive.writestr("Wheel_mask.png", png(TRUTH))
    uploads = Uploads(tmp_path, lambda: "me")
    sent = {"a.zip": buffer.getvalue(), "b.zip": buffer.getvalue()}
    sent |= {"Wheel.png": png(GREY), "Wheel_mask.png": png(SMALL)}
    files = [upload(uploads, name, content) for name, content in sent.items()]
    example = Example("wheel", "Wheel", GREY, (120, 160), "", None, TRUTH)  # type: ignore[arg-type]
    found = gather([example], files, uploads, LIMITS, HERE)
    assert [one.source for one in found] == [
        "example:wheel", "zip1:Wheel", "zip2:Wheel", "file:Wheel.png",
    ]  # fmt: skip


def test_what_was_understood_and_left_out_of_uploads_is_told_with_the_outcome(
    tmp_path: Path,
) -> None:
    labels = (TRUTH + 2 * SMALL).astype(np.uint8)
    clear = Image.fromarray(GREY).convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    buffer = io.BytesIO()
    clear.save(buffer, "PNG")
    uploads = Uploads(tmp_path, lambda: "me")
    sent = {"<b>.png": buffer.getvalue(), "<b>_mask.png": png(labels)}
    sent |= {"plain.png": png(GREY), "plain_mask.png": png(SMALL)}
    files = [upload(uploads, name, content) for name, content in sent.items()]
    samples = gather([], files, uploads, Limits(compare_objects=1), HERE)
    comparison = run(Plan(RANDOM, 1, 1), samples)[-1].comparison
    assert comparison is not None
    assert all(notice.startswith("<b>: ") for notice in comparison.notices)
    told = " ".join(comparison.notices)
    assert "transparent in parts" in told and "the 1 largest of 2 objects" in told
    shown = outcome(comparison)
    assert plain(comparison.notices[0]) in shown and "<b>:" not in shown
    alone = run(Plan(RANDOM, 1, 1), [sample("a", TRUTH)])[-1].comparison
    assert alone is not None and "notices" not in outcome(alone)


def test_nothing_chosen_and_files_from_elsewhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Choose an example"):
        gather([], [], Uploads(tmp_path, lambda: "me"), LIMITS, HERE)
    for path in ("/etc/passwd", __file__, "../a.zip"):
        with pytest.raises(InputError, match="did not arrive"):
            gather([], [path], Uploads(tmp_path, lambda: "me"), LIMITS, HERE)


def test_plot_and_csv_agree() -> None:
    comparison = run(Plan(RANDOM, 6, 3), [sample("a", TRUTH), sample("b", SMALL)])[-1].comparison
    assert comparison is not None
    rows = list(csv.DictReader(io.StringIO(csv_text(comparison.rows))))
    assert list(rows[0]) == [field.name for field in fields(Row)]
    figure = comparison_figure(comparison)
    for axis, metric in zip(figure.axes, ("miou", "mbiou"), strict=True):
        lines = {line.get_label(): line for line in axis.get_lines()}
        for model, label in (("sam2", "SAM2"), ("sam2refiner", "SAM2Refiner")):
            mine = [row for row in rows if row["model"] == model]
            assert list(lines[label].get_xdata()) == [int(row["prompts"]) for row in mine]
            assert list(lines[label].get_ydata()) == [100 * float(row[metric]) for row in mine]
        assert set(lines) == {"SAM2", "SAM2Refiner"}
        assert len(axis.collections) == 2  # a band a model


def test_every_picture_is_a_point_at_its_mean_scores() -> None:
    known = replace(sample("<b>", TRUTH), source="file:<b>")
    zipped = replace(sample("<b>", SMALL), source="zip1:<b>")
    comparison = run(Plan(RANDOM, 4, 2), [known, zipped])[-1].comparison
    assert comparison is not None
    last = {row.model: row for row in comparison.rows if row.prompts == 4}
    for model in ("sam2", "sam2refiner"):
        for metric in ("iou", "biou"):
            values = [getattr(one, f"{model}_{metric}") for one in comparison.pictures]
            assert np.mean(values) == pytest.approx(getattr(last[model], f"m{metric}"))
    drawing = ElementTree.fromstring(scatter(comparison.pictures))
    points = [node for node in drawing.iter() if node.tag.endswith("circle")]
    assert [node.get("data-measured") for node in points] == ["file:<b>", None]
    assert [node.get("role") for node in points] == ["button", "img"]
    for node, one in zip(points, comparison.pictures, strict=True):
        above = 400 - float(node.get("cy", 0)) - 44 >= float(node.get("cx", 0)) - 44 - 0.1
        assert above == (one.sam2refiner_iou >= one.sam2_iou)


@pytest.mark.parametrize("lowest", [0.0, 0.31, 0.5, 0.79, 0.93, 1.0])
def test_the_ticks_of_the_points_are_whole_and_evenly_spaced(lowest: float) -> None:
    row = PictureRow("p", "file:p", 1, lowest, 1.0, 1.0, 1.0)
    said = [node.text for node in ElementTree.fromstring(scatter([row])).iter() if node.text]
    across = [int(text) for text in said if text.isdigit()][::2]
    assert across[0] <= 100 * lowest
    assert across[-1] == 100
    assert len(set(np.diff(across))) == 1


def test_the_page_shows_the_numbers_and_escapes_names() -> None:
    comparison = run(Plan(CLICKS, 3, 1), [sample("a", TRUTH)])[-1].comparison
    assert comparison is not None
    shown = outcome(comparison)
    last = comparison.rows[-1]
    assert f"<td>{100 * last.mbiou:.1f}</td>" in shown
    assert "NoC@85" in shown
    told = status(run(Plan(RANDOM, 1, 1), [sample("<img src=x>${alert(1)}", TRUTH)])[0])
    assert "<img" not in told
    assert "${" not in told
