import json

import pytest

from refiner.evaluation.report.photos import text_table
from refiner.evaluation.report.readme import (
    END,
    PAPER,
    START,
    TITLE,
    drawable,
    plot,
    render_tables,
    update_readme,
)
from refiner.evaluation.report.scale import render_scale
from refiner.types import InputError

HEADLINE = """\
| pictures | n | model | box | 1 point | 10 points |
|---|---|---|---|---|---|
| objects | 5 | SAM2 | 80.0 / 60.0 | 40.0 / 20.0 | 70.0 / 50.0 |
| objects | 5 | SAM2Refiner | **90.0** / **80.0** | **60.0** / **50.0** | **85.0** / **75.0** |"""


def row(source, prompts, model, miou, mbiou, **more):
    size = {
        "n": 7 if source == "all" else 5,
        "objects": 8,
        "seeds": 3 if "points" in prompts else 1,
    }
    scores = {"miou": miou, "mbiou": mbiou, "mbiou_strict": mbiou / 2}
    deviation = {"miou_sd": 0.01, "mbiou_sd": 0.02} if "points" in prompts else {}
    names = {"model": model, "prompts": prompts, "source": source}
    return names | size | scores | {"miou_sd": 0.0, "mbiou_sd": 0.0} | deviation | more


def noc_row(source, model, noc85, noc90, nof90):
    size = {"n": 7 if source == "all" else 5, "objects": 8}
    names = {"model": model, "prompts": "noc", "source": source} | size
    return names | {"noc85": noc85, "noc90": noc90, "nof90": nof90, "iou_per_click": [0.9] * 20}


@pytest.fixture
def document():
    rows = []
    for source in ("all", "objects", "ecssd", "humanseg"):
        for prompts, base, refined in (
            ("box", 0.8, 0.9),
            ("points:1", 0.4, 0.6),
            ("points:10", 0.7, 0.85),
        ):
            rows.append(row(source, prompts, "sam2", base, base - 0.2))
            rows.append(row(source, prompts, "sam2refiner", refined, refined - 0.1))
        rows.append(noc_row(source, "sam2", 4.25, 6.5, 3))
        rows.append(noc_row(source, "sam2refiner", 2, 3.125, 1))
    config = {
        "command": "python -m refiner evaluate --split val",
        "split": "val",
        "rows": 5,
        "segmenters": {"sam2refiner": {"backbone": "sam2-lite"}},
    }
    return {"rows": rows, "config": config, "versions": {}}


@pytest.fixture
def results(tmp_path, document):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "lite.json").write_text(json.dumps(document))
    (folder / "speed.json").write_text('{"encode_ms": 3.5}')
    return folder


def test_the_tables_show_every_prompt_by_group_with_the_better_model_in_bold(results):
    text = render_tables(results)
    assert "### lite: sam2-lite, split val, 5 label maps" in text
    assert "| pictures | n | model | box | 1 point | 10 points |" in text
    line = "| objects | 5 | SAM2Refiner | **90.0** / **80.0** | **60.0** / **50.0** | **85.0** / **75.0** |"
    assert line in text
    assert "| objects | 5 | SAM2 | 80.0 / 60.0 | 40.0 / 20.0 | 70.0 / 50.0 |" in text
    assert text.index("| objects | 5") < text.index("| everything | 7")
    assert "encode" not in text


def test_variants_stand_in_the_papers_order_beside_its_numbers(results, document):
    scores = {"sam2refiner-half": 0.9, "sam2refiner-paper": 0.92, "sam2refiner": 0.93}
    scores |= {"sam2refiner-la-mr": 0.8, "sam2": 0.7}
    document["rows"] = [
        row("objects", "points:10", model, score, score - 0.1) for model, score in scores.items()
    ]
    (results / "ablation.json").write_text(json.dumps(document))
    text = render_tables(results)
    tables = text[text.index("### ablation") : text.index("### lite")]
    assert [line for line in tables.splitlines() if line.startswith("| SAM2")] == [
        "| SAM2 |  |  |  |  |  | 70.0 ± 1.0 | 60.0 ± 2.0 | 30.0 | 78.5 / 71.5 |",
        "| SAM2Refiner | ✓ |  | ✓ |  | source pixels | 80.0 ± 1.0 | 70.0 ± 2.0 | 35.0 | 92.7 / 88.3 |",
        "| SAM2Refiner | ✓ | ✓ | ✓ |  | source pixels | 92.0 ± 1.0 | 82.0 ± 2.0 | 41.0 | 93.1 / 88.9 |",
        "| SAM2Refiner | ✓ | ✓ | ✓ | ✓ | source pixels | 93.0 ± 1.0 | 83.0 ± 2.0 | 41.5 |  |",
        "| SAM2Refiner | ✓ | ✓ | ✓ | ✓ | half size | 90.0 ± 1.0 | 80.0 ± 2.0 | 40.0 |  |",
    ]
    assert [one.name for one in drawable(results)] == ["lite"]


def test_one_count_of_points_is_no_curve(results, document):
    document["rows"] = [row("objects", "points:10", "sam2", 0.7, 0.6)]
    (results / "regions.json").write_text(json.dumps(document))
    assert [one.name for one in drawable(results)] == ["lite"]


def test_everything_is_left_out_where_it_is_one_group_alone(results, document):
    document["rows"] = [one | {"n": 5} for one in document["rows"] if one["prompts"] != "noc"]
    (results / "lite.json").write_text(json.dumps(document))
    text = render_tables(results)
    assert "| objects | 5" in text
    assert "| everything |" not in text


def test_degraded_masks_stand_beside_what_the_models_make_of_them(results, document):
    document["rows"] += [
        row("objects", "dilated", model, score, score - 0.1)
        for model, score in (("given", 0.7), ("sam2", 0.6), ("sam2refiner", 0.8))
    ]
    (results / "lite.json").write_text(json.dumps(document))
    text = render_tables(results)
    assert "| pictures | n | model | dilated |" in text
    assert "| objects | 5 | mask given | 70.0 / 60.0 |" in text
    assert "| objects | 5 | SAM2Refiner | **80.0** / **70.0** |" in text
    assert "mask given | 70.0 / 60.0 | " not in text


def test_sources_are_shown_for_box_and_ten_points_only(results):
    text = render_tables(results)
    assert "| pictures | n | model | box | 10 points |" in text
    assert "| ecssd | 5 | SAM2 | 80.0 / 60.0 | 70.0 / 50.0 |" in text


def test_gains_clicks_scatter_and_the_command_are_told(results):
    text = render_tables(results)
    # Errors 0.3 -> 0.15 and 0.5 -> 0.25 are halved.
    assert (
        "- objects, 10 points: SAM2Refiner removes 50 % of the base's mIoU error and 50 % of its "
        "mBIoU error; strict mBIoU (0.8 % of the diagonal) 25.0 → 37.5"
    ) in text
    assert "Standard deviation over 3 seeds: at most 2.0." in text
    assert "| objects | SAM2 | 4.25 | 6.50 | 3 of 8 |" in text
    assert "```\npython -m refiner evaluate --split val\n```" in text


def test_the_share_of_objects_harmed_is_told_where_it_was_measured(results, document):
    assert "worse than SAM2's" not in render_tables(results)
    for one in document["rows"]:
        if one["model"] == "sam2refiner":
            one |= {"harm": 0.125, "harm_loss": 0.06}
    (results / "lite.json").write_text(json.dumps(document))
    text = render_tables(results)
    assert "Objects whose mask is more than 2 points of IoU worse than SAM2's" in text
    assert "| objects | SAM2Refiner | 12.5 % (-6) |" in text
    assert "| objects | SAM2 | 12.5" not in text


def test_how_far_masks_change_is_told_where_it_was_measured(results, document):
    assert "changed picture" not in render_tables(results)
    names = "shifted", "smaller", "mirrored", "jpeg", "grey", "poor", "dark"
    ious = {"sam2": (0.9, 0.94, 0.8765, 1.0, 0.5, 0.5, 0.5), "sam2refiner": (0.95,) * 7}
    document["stability"] = [
        {"model": model, "prompts": "box", "change": change, "objects": 8}
        | {"iou": iou, "lost": 0.021 if change == "grey" else -0.005}
        for model in ious
        for change, iou in zip(names, ious[model], strict=True)
    ]
    (results / "lite.json").write_text(json.dumps(document))
    text = render_tables(results)
    assert (
        "| prompts | model | shifted by 2 px | 2 % smaller | mirrored | JPEG of quality 95 | grey | "
        "JPEG of quality 10 | 30 % of the light |" in text
    )
    assert "| box | SAM2 | 0.900 | 0.940 | 0.876 | 1.000 | -2.1 | +0.5 | +0.5 |" in text
    assert "| box | SAM2Refiner | 0.950 | 0.950 | 0.950 | 0.950 | -2.1 | +0.5 | +0.5 |" in text


def test_the_papers_numbers_come_last_and_are_marked(results):
    text = render_tables(results)
    assert text.endswith(PAPER)
    assert "official SAM 2.1 bases, other data): not comparable" in PAPER


def test_a_tie_is_bold_on_both_sides_and_one_model_alone_on_none(results, document):
    for one in document["rows"]:
        if "miou" in one:
            one["miou"] = 0.5
    (results / "lite.json").write_text(json.dumps(document))
    assert "| objects | 5 | SAM2 | **50.0** / 60.0 |" in render_tables(results)
    document["rows"] = [one for one in document["rows"] if one["model"] == "sam2"]
    (results / "lite.json").write_text(json.dumps(document))
    measured = render_tables(results).removesuffix(PAPER)
    assert "**" not in measured
    assert "removes" not in measured


def test_rows_of_videos_are_left_to_others(results, document):
    video = {"model": "sam2", "prompts": "box", "source": "davis", "n": 3, "j": 0.5, "f": 0.5}
    expected = render_tables(results)
    document["rows"].append(video)
    (results / "lite.json").write_text(json.dumps(document))
    (results / "video.json").write_text(json.dumps({"rows": [video], "config": {}}))
    assert render_tables(results) == expected


def test_the_readme_is_changed_between_its_markers_only_and_once(tmp_path, results):
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n{START}\nold\n{END}\nend\n")
    assert update_readme(readme, results, check=True)
    assert "old" in readme.read_text()
    assert update_readme(readme, results)
    assert readme.read_text() == f"# Title\n{START}\n\n{HEADLINE}\n\n{END}\nend\n"
    tables = tmp_path / "RESULTS.md"
    assert tables.read_text() == f"{TITLE}\n\n{render_tables(results)}\n"
    assert not update_readme(readme, results)
    assert not update_readme(readme, results, check=True)
    tables.write_text("old")
    assert update_readme(readme, results, check=True)
    update_readme(readme, results)
    (results / "bench.json").write_text(json.dumps(BENCH))
    (tmp_path / "SCALE.md").write_text(f"by hand\n{START}\n{END}\n")
    assert update_readme(readme, results)
    filled = f"by hand\n{START}\n\n{render_scale(results)}\n\n{END}\n"
    assert (tmp_path / "SCALE.md").read_text() == filled
    assert not update_readme(readme, results, check=True)


@pytest.mark.parametrize("text", ["nothing", START, END, END + START, START + END + END])
def test_a_readme_without_its_markers_is_refused_and_kept(tmp_path, results, text):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(InputError, match="must have <!-- results:start --> once"):
        update_readme(readme, results)
    assert readme.read_text() == text


def test_unusable_results_are_refused(tmp_path, results):
    with pytest.raises(InputError, match="has no results; run"):
        render_tables(tmp_path / "empty")
    with pytest.raises(InputError, match="Cannot read .*README.md: No such file"):
        update_readme(tmp_path / "README.md", results)
    (results / "lite.json").write_text('{"rows": [{"miou": 1}], "config": {}}')
    with pytest.raises(InputError, match="lite is not a document of evaluate: KeyError"):
        render_tables(results)
    (results / "lite.json").write_text("{")
    with pytest.raises(InputError, match="Cannot read the results .*lite.json"):
        render_tables(results)


def test_the_terminal_table_has_a_line_a_row(document):
    lines = text_table(document).splitlines()
    assert len(lines) == 1 + len(document["rows"])
    assert lines[0].split() == ["source", "prompts", "model", "n", "mIoU", "mBIoU", "strict"]
    assert lines[1].split() == ["all", "box", "sam2", "7", "80.0", "60.0", "30.0"]
    assert lines[7].endswith("NoC@85 4.25, NoC@90 6.50, 3 of 8 objects fail")


def test_the_plot_has_both_colours_and_the_same_bytes_each_time(tmp_path, results):
    first, second = tmp_path / "out" / "a.svg", tmp_path / "b.svg"
    plot(results, first)
    plot(results, second)
    text = first.read_text()
    assert first.read_bytes() == second.read_bytes()
    assert "#e69f00" in text and "#0072b2" in text
    plot(results, tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_drawn_is_refused(tmp_path, results, document):
    with pytest.raises(InputError, match=r"\.svg or \.png file, got 'a\.pdf'"):
        plot(results, tmp_path / "a.pdf")
    document["rows"] = [one for one in document["rows"] if one["prompts"] == "box"]
    (results / "lite.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="no results with points:K"):
        plot(results, tmp_path / "a.svg")


BENCH = {
    "threads": 2,
    "numbers": {
        "first_image_ms": 360,
        "click_ms": 90,
        "track_sam2_ms": 100,
        "track_both_ms": 400,
        "track_both_fast_ms": 200,
        "peak_memory_mb": 1024,
    },
}


def test_amounts_are_worked_out_from_the_paces_measured(tmp_path):
    (tmp_path / "bench.json").write_text(json.dumps(BENCH))
    text = render_scale(tmp_path)
    assert "| 1,000,000 photos, a prompt each | 0.36 s | 100 | 200 | 5 |" in text
    assert "25 frames a second | 0.40 s | 10,000 | 20,000 | 417 |" in text
    assert "3 pictures and 20 clicks each | 2.88 s | 8 | 16 | 1 |" in text
    assert "a clip of 10 s each | 52.88 s | 147 | 294 | 15 |" in text
    assert "75 % of a photo is the encoder" in text
    assert "75 % of a frame is what SAM2Refiner adds" in text
    assert "64 GB hold 64 of them" in text
    assert "Ray" not in text
    ray = {"workers_ratio": 1.25, "worker_overhead_ms": 4, "worker_memory_mb": 900}
    more = {**BENCH, "numbers": {**BENCH["numbers"], **ray}}
    (tmp_path / "bench.json").write_text(json.dumps(more))
    assert "do 1.25 times what one process of two threads does" in render_scale(tmp_path)


@pytest.mark.parametrize("content", [None, "{}", "no JSON", '{"threads": 2, "numbers": {}}'])
def test_paces_that_were_not_measured_are_told(tmp_path, content):
    if content is not None:
        (tmp_path / "bench.json").write_text(content)
    with pytest.raises(InputError, match="bench.json is no document of bench"):
        render_scale(tmp_path)
