"""J, F and J&F of trackers: golden values of vos-benchmark's own scoring of folders."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from vos_benchmark.benchmark import VideoEvaluator

from refiner.commands.evaluate import EvaluateOptions, evaluate_models
from refiner.commands.measuring.models import load_trackers
from refiner.commands.parser import main
from refiner.data.manifest import read_manifest
from refiner.evaluation.prompts import parse_prompt_specs
from refiner.evaluation.records import Plan
from refiner.evaluation.report.readme import render_tables
from refiner.evaluation.report.videos import PAPER_VIDEO, render_videos, text_video_table
from refiner.evaluation.videos import measure_videos, video_table, videos_in_turn
from refiner.types import ImageResult, InputError, Mask, MaskPair, ModelInfo, Timings
from refiner.video_types import TrackedFrame

SIZE = (40, 60)
MODELS = ("sam2", "sam2refiner")


class LevelTracker:
    """Finds its object by the red channel of the prompted frame; `base` is it moved down a pixel.

    The red channel is ten times the label map, JPEG noise apart.
    """

    def __init__(self, name="fake", drop=None):
        self.info = ModelInfo(name, "cpu", "none", "none", {})
        self.drop = drop
        self.prompts = []

    def track(self, frames, prompts, *, since=None, until=None):
        assert since is until is None
        self.prompts.append(prompts)
        start = min(prompt.frame for prompt in prompts)
        for index in [*range(start, len(frames)), *range(start - 1, -1, -1)]:
            if index == self.drop:
                raise KeyboardInterrupt
            labels = np.rint(frames[index][..., 0] / 50).astype(int)
            yield TrackedFrame(index, {one.object_id: self.pair(labels, one) for one in prompts})

    def pair(self, labels, prompt):
        whole = labels == prompt.object_id
        return MaskPair(Mask(np.roll(whole, 1, axis=0), 0.5), Mask(whole, 0.5))


def labels_at(time, gone=()):
    """Two objects that move to the right; the second is there from frame 2 on."""
    labels = np.zeros(SIZE, np.uint8)
    if 1 not in gone:
        labels[4:16, 4 + 2 * time : 20 + 2 * time] = 1
    if time >= 2 and 2 not in gone:
        labels[22:34, 6 + time : 26 + time] = 2
    return labels


def write_video(root, name, maps, source="made"):
    for time, labels in enumerate(maps):
        for kind, ending in (("frames", "jpg"), ("masks", "png")):
            path = root / "videos" / source / name / kind / f"{time:05}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            array = np.repeat(labels[..., None] * np.uint8(50), 3, 2) if ending == "jpg" else labels
            Image.fromarray(array).save(path, quality=100)
    folder = f"videos/{source}/{name}"
    line = {"id": f"{source}_{name}", "image": f"{folder}/frames", "mask": f"{folder}/masks"}
    line |= {"kind": "video", "split": "val", "w": SIZE[1], "h": SIZE[0], "frames": len(maps)}
    with (root / "manifest.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


@pytest.fixture
def manifest(tmp_path):
    write_video(tmp_path, "a", [labels_at(time) for time in range(6)])
    write_video(tmp_path, "b", [labels_at(0, gone=[2])] * 4, "other")
    return tmp_path / "manifest.jsonl"


def evaluate(manifest, prompts="box", tracker=None, seeds=(0,), total="all", **options):
    models, fast = options.pop("models", MODELS), options.pop("fast", False)
    plan = Plan(parse_prompt_specs(prompts), models, seeds, fast)
    trackers = {"sam2refiner": tracker or LevelTracker()}
    measured = measure_videos(
        {name: one.info for name, one in trackers.items()},
        read_manifest(manifest, "val"),
        plan,
        lambda rows: videos_in_turn(trackers, plan, False, rows),
        **options,
    )
    rows = video_table(measured, plan, total)
    return {(row["source"], row["prompts"], row["model"]): row for row in rows}


def test_scores_are_those_of_vos_benchmark(tmp_path):
    """One object on all frames: the library's own reading and scoring of two folders."""
    maps = [labels_at(time, gone=[2]) for time in range(6)]
    write_video(tmp_path, "a", maps)
    for time, labels in enumerate(maps):
        moved = (np.roll(labels == 1, 1, axis=0)).astype(np.uint8)
        for kind, array in (("truth", labels), ("found", moved)):
            (tmp_path / kind / "a").mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / kind / "a" / f"{time:05}.png")
    _, j, f = VideoEvaluator(str(tmp_path / "truth"), str(tmp_path / "found"))("a")
    row = evaluate(tmp_path / "manifest.jsonl")["made", "box", "sam2"]
    assert (100 * row["j"], 100 * row["f"]) == pytest.approx((j[1], f[1]))
    assert row["jf"] == pytest.approx((row["j"] + row["f"]) / 2)
    assert row["j"] == pytest.approx(11 / 13)


def test_f_is_that_of_davis_at_0008_of_the_diagonal(tmp_path):
    """Golden values: DAVIS's boundary measure, written out with OpenCV."""
    maps = [cv2.resize(labels_at(0, gone=[2]), (480, 320), interpolation=cv2.INTER_NEAREST)] * 3
    for kind, array in (("frames", "jpg"), ("masks", "png")):
        folder = tmp_path / "videos" / "made" / "a" / kind
        folder.mkdir(parents=True)
        for time, labels in enumerate(maps):
            Image.fromarray(
                np.repeat(labels[..., None] * np.uint8(50), 3, 2) if array == "jpg" else labels
            ).save(folder / f"{time:05}.{array}", quality=100)
    line = {"id": "a", "image": "videos/made/a/frames", "mask": "videos/made/a/masks"}
    line |= {"kind": "video", "split": "val", "w": 480, "h": 320, "frames": 3}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line))

    class Halved(LevelTracker):
        def pair(self, labels, prompt):
            whole = labels == prompt.object_id
            return MaskPair(Mask(np.roll(whole, 5, axis=0), 1), Mask(np.roll(whole, 6, axis=0), 1))

    rows = evaluate(tmp_path / "manifest.jsonl", tracker=Halved())
    radius = int(np.ceil(0.008 * np.hypot(320, 480)))
    assert radius == 5
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    rows_, columns = np.ogrid[-5:6, -5:6]
    disc = (rows_**2 + columns**2 <= 25).astype(np.uint8)

    def outline(mask):
        mask = mask.astype(np.uint8)
        edge = np.zeros_like(mask)
        edge[:-1, :-1] = (
            (mask[:-1, :-1] != mask[:-1, 1:])
            | (mask[:-1, :-1] != mask[1:, :-1])
            | (mask[:-1, :-1] != mask[1:, 1:])
        )
        return edge

    truth = outline(maps[0] == 1)
    for model, shift in (("sam2", 5), ("sam2refiner", 6)):
        found = outline(np.roll(maps[0] == 1, shift, axis=0))
        precision = (found & cv2.dilate(truth, disc)).sum() / found.sum()
        recall = (truth & cv2.dilate(found, disc)).sum() / truth.sum()
        expected = 2 * precision * recall / (precision + recall)
        assert rows["made", "box", model]["f"] == pytest.approx(expected)
    assert rows["made", "box", "sam2"]["f"] == 1.0
    assert rows["made", "box", "sam2refiner"]["f"] < 1.0


def test_sources_and_the_total_average_over_objects(manifest):
    rows = evaluate(manifest)
    assert {key[0] for key in rows} == {"all", "made", "other"}
    assert (rows["made", "box", "sam2"]["n"], rows["made", "box", "sam2"]["objects"]) == (1, 2)
    assert (rows["all", "box", "sam2"]["n"], rows["all", "box", "sam2"]["objects"]) == (2, 3)
    for measure in ("j", "f", "jf"):
        made, other, everything = (
            rows[source, "box", "sam2"][measure] for source in ("made", "other", "all")
        )
        assert everything == pytest.approx((2 * made + other) / 3)
        assert rows["all", "box", "sam2refiner"][measure] == pytest.approx(1.0, abs=1e-6)
    assert evaluate(manifest, total="videos")["videos", "box", "sam2"]["n"] == 2


def test_lvos_v2_is_the_mean_over_seen_and_unseen(tmp_path):
    for number, video in enumerate(("a", "b", "c")):
        images, masks = (
            tmp_path / "valid" / kind / video for kind in ("JPEGImages", "Annotations")
        )
        for time in range(4):
            labels = labels_at(time + 2)
            labels[9:16] *= number > 0  # a lower thing: a pixel down is more of it
            for folder, ending in ((images, "jpg"), (masks, "png")):
                folder.mkdir(parents=True, exist_ok=True)
                array = np.repeat(labels[..., None] * np.uint8(50), 3, 2)
                Image.fromarray(array if ending == "jpg" else labels).save(
                    folder / f"{5 * time + 1:08}.{ending}", quality=100
                )
    (tmp_path / "unseen_videos.txt").write_text("a\n")
    options = EvaluateOptions(dataset="lvos2", root=tmp_path, prompts="mask", progress=False)
    trackers = {"sam2refiner": LevelTracker()}
    document = evaluate_models({"sam2refiner": WhiteSegmenter()}, options, lambda: trackers)
    found = {row["source"]: row for row in document["rows"] if row["model"] == "sam2"}
    assert set(found) == {"all", "lvos2-seen", "lvos2-unseen"}
    halves = [found[f"lvos2-{part}"]["jf"] for part in ("seen", "unseen")]
    assert halves[0] != halves[1]
    assert found["all"]["jf"] == pytest.approx(sum(halves) / 2)
    assert (document["config"]["dataset"], document["config"]["videos"]) == ("lvos2", 3)


def test_each_object_is_prompted_on_the_first_frame_that_shows_it(manifest):
    tracker = LevelTracker()
    evaluate(manifest, "box,mask,points:2", tracker)
    boxes, masks, points = tracker.prompts[:3]
    assert [(one.object_id, one.frame) for one in boxes] == [(1, 0), (2, 2)]
    box = boxes[1].prompts.box
    assert (box.x0, box.y0, box.x1, box.y1) == (8, 22, 28, 34)
    assert (masks[1].prompts.mask == (labels_at(2) == 2)).all()
    for click in points[0].prompts.clicks:
        assert labels_at(0)[int(click.y), int(click.x)] == 1


def test_the_prompted_and_the_last_frame_do_not_count(tmp_path):
    """Wrong on frames 0 and 5 alone, of which the first is prompted and the last not scored."""

    class Wrong(LevelTracker):
        def track(self, frames, prompts, **options):
            for tracked in super().track(frames, prompts, **options):
                if tracked.index in (0, 5):
                    empty = Mask(np.zeros(SIZE, bool), 0)
                    yield TrackedFrame(tracked.index, {1: MaskPair(empty, empty)})
                else:
                    yield tracked

    write_video(tmp_path, "a", [labels_at(time, gone=[2]) for time in range(6)])
    row = evaluate(tmp_path / "manifest.jsonl", tracker=Wrong())["made", "box", "sam2refiner"]
    assert row["jf"] == 1.0


@pytest.mark.parametrize(("found", "score"), [(False, 1.0), (True, 0.75)])
def test_an_object_that_is_gone_scores_one_where_nothing_is_found(tmp_path, found, score):
    class Keeps(LevelTracker):
        def pair(self, labels, prompt):
            mask = labels == prompt.object_id
            if found and not mask.any():
                mask = np.roll(labels >= 0, 1, axis=0) & (np.arange(SIZE[1]) < 30)
            return MaskPair(Mask(mask, 1), Mask(mask, 1))

    maps = [labels_at(0, gone=[2])] * 2 + [labels_at(0, gone=[1])] + [labels_at(0, gone=[2])] * 3
    write_video(tmp_path, "a", maps)
    row = evaluate(tmp_path / "manifest.jsonl", tracker=Keeps())["made", "box", "sam2"]
    assert (row["j"], row["f"]) == pytest.approx((score, score))


def test_points_run_once_a_seed_with_the_deviation_of_a_sample(manifest):
    class Shifted(LevelTracker):
        """The base is moved by as many pixels as there were runs before."""

        def pair(self, labels, prompt):
            whole = labels == prompt.object_id
            run = len(self.prompts) - 1 if len(self.prompts) <= 3 else 0
            return MaskPair(Mask(np.roll(whole, run, axis=0), 1), Mask(whole, 1))

    tracker = Shifted()
    rows = evaluate(manifest, "points:1", tracker, seeds=(0, 1, 2))
    row = rows["made", "points:1", "sam2"]
    assert row["seeds"] == 3
    assert row["jf_sd"] > 0
    assert rows["made", "points:1", "sam2refiner"]["jf_sd"] == pytest.approx(0, abs=1e-6)
    clicks = [prompts[0].prompts.clicks[0] for prompts in tracker.prompts[:3]]
    assert len(set(clicks)) > 1


def test_a_resumed_evaluation_measures_only_what_is_left(manifest, tmp_path):
    kept = tmp_path / "kept.jsonl"
    with pytest.raises(KeyboardInterrupt):
        evaluate(manifest, tracker=LevelTracker(drop=5), resume=kept)  # never: a has 6 frames
    assert len(kept.read_text().splitlines()) == 1
    whole = evaluate(manifest, resume=kept)
    tracker = LevelTracker()
    assert evaluate(manifest, tracker=tracker, resume=kept) == whole
    assert tracker.prompts == []
    with pytest.raises(InputError, match="belongs to another evaluation"):
        evaluate(manifest, "mask", resume=kept)
    with pytest.raises(InputError, match="belongs to another evaluation"):
        evaluate(manifest, fast=True, resume=kept)


def test_a_mask_of_another_size_is_refused(manifest):
    class Small(LevelTracker):
        def pair(self, labels, prompt):
            return MaskPair(*[Mask(np.zeros((4, 4), bool), 0)] * 2)

    with pytest.raises(InputError, match="mask on frame 1 is 4 x 4, the frame 60 x 40"):
        evaluate(manifest, tracker=Small())


def test_what_cannot_be_measured_is_refused(manifest):
    with pytest.raises(InputError, match="got 2, 1 and 0"):
        evaluate(manifest, "noc,dilated")
    with pytest.raises(InputError, match="got 2, 0 and 1"):
        evaluate(manifest, seeds=())
    with pytest.raises(InputError, match="No segmenter gives the masks of hq-sam2"):
        evaluate(manifest, models=("hq-sam2",))


# The command


class WhiteSegmenter:
    info = ModelInfo("fake", "cpu", "none", "none")

    def segment(self, image, objects, *, logits=False):
        pair = MaskPair(*[Mask(image[..., 0] > 25, 0)] * 2)
        return ImageResult((pair,) * len(objects), Timings(0, 0, 0, 0))


@pytest.fixture
def mixed(manifest):
    """Videos and one photo."""
    folder = manifest.parent
    for place, array in (
        ("images", np.repeat(labels_at(0)[..., None] * np.uint8(50), 3, 2)),
        ("masks", labels_at(0)),
    ):
        (folder / place / "shots").mkdir(parents=True)
        Image.fromarray(array).save(folder / place / "shots" / "a.png")
    line = {"id": "p", "image": "images/shots/a.png", "mask": "masks/shots/a.png", "kind": "object"}
    with manifest.open("a") as file:
        file.write(json.dumps(line | {"split": "val", "w": SIZE[1], "h": SIZE[0]}) + "\n")
    return manifest


def document_of(manifest, trackers=True, **options):
    chosen = EvaluateOptions(manifest, **({"prompts": "box", "progress": False} | options))
    given = {"sam2refiner": LevelTracker()}
    return evaluate_models(
        {"sam2refiner": WhiteSegmenter()}, chosen, (lambda: given) if trackers else None
    )


def test_photos_and_videos_are_measured_side_by_side(mixed, tmp_path):
    document = document_of(mixed, resume=tmp_path / "kept.jsonl")
    photos = [row for row in document["rows"] if "miou" in row]
    videos = [row for row in document["rows"] if "jf" in row]
    assert {row["source"] for row in photos} == {"all", "objects", "shots"}
    assert {row["source"] for row in videos} == {"videos", "made", "other"}
    assert (document["config"]["rows"], document["config"]["videos"]) == (1, 2)
    assert (tmp_path / "kept.jsonl").is_file()
    assert (tmp_path / "kept.videos.jsonl").is_file()
    alone = document_of(mixed, only="photos")
    assert alone["rows"] == photos
    assert document_of(mixed, trackers=False)["rows"] == photos


def test_videos_alone_have_the_total_all(mixed):
    for chosen in ({"only": "videos"}, {"source": "made"}, {"prompts": "mask"}):
        rows = document_of(mixed, **chosen)["rows"]
        assert rows
        assert all("jf" in row for row in rows)
        assert "all" in {row["source"] for row in rows}
    rows = document_of(mixed, prompts="noc")["rows"]
    assert all("noc90" in row for row in rows)


def test_what_is_not_there_is_told(mixed):
    with pytest.raises(InputError, match="has no photos or videos of source 'davis'"):
        document_of(mixed, source="davis")
    with pytest.raises(InputError, match="has no photos of source 'made'"):
        document_of(mixed, source="made", only="photos")
    with pytest.raises(InputError, match="--only takes photos or videos, got 'sound'"):
        document_of(mixed, only="sound")
    with pytest.raises(InputError, match="Nothing here can be measured with the prompts noc"):
        document_of(mixed, only="videos", prompts="noc")


def test_a_limit_keeps_so_many_videos(mixed):
    config = document_of(mixed, limit=1)["config"]
    assert (config["rows"], config["videos"]) == (1, 1)


def test_a_segmenter_that_cannot_track_is_refused():
    with pytest.raises(InputError, match="sam2refiner cannot track; measure it with --only photos"):
        load_trackers({"sam2refiner": WhiteSegmenter()})


# The report


def test_the_report_has_a_table_of_videos_beside_the_papers(mixed, tmp_path):
    document = document_of(mixed)
    photos_only = {**document, "rows": [row for row in document["rows"] if "miou" in row]}
    for name, one in (("with", document), ("without", photos_only)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "val.json").write_text(json.dumps(one))
    text = render_tables(tmp_path / "with")
    assert text.endswith(PAPER_VIDEO)
    assert "### val: videos, split val" in text
    assert "| all videos | 2 | SAM2Refiner | **100.0 (100.0, 100.0)** |" in text
    assert "not comparable" in PAPER_VIDEO
    assert text.startswith(render_tables(tmp_path / "without"))
    assert render_videos([("val", photos_only)]) == ""


def test_the_terminal_shows_videos_in_lines_of_their_own(mixed):
    document = document_of(mixed)
    lines = text_video_table(document).splitlines()
    assert lines[0].split() == ["source", "prompts", "model", "n", "J&F", "J", "F"]
    assert lines[2].split() == ["videos", "box", "sam2refiner", "2", "100.0", "100.0", "100.0"]
    assert text_video_table({"rows": [], "config": {}}) == ""
    with pytest.raises(InputError, match="not a document of evaluate"):
        text_video_table({"rows": [{"jf": 1}], "config": {}})


def test_the_command_tracks_with_the_models_it_is_given(weights, manifest, tmp_path, capsys):
    out = tmp_path / "out.json"
    given = ["evaluate", "--manifest", manifest, "--weights", weights[0], "--refiner", weights[1]]
    given += ["--prompts", "box", "--only", "videos", "--source", "other", "--device", "cpu"]
    assert main([*map(str, given), "--json", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [(row["source"], row["model"], row["n"]) for row in rows] == [
        (source, model, 1) for source in ("all", "other") for model in MODELS
    ]
    assert all(0 <= row[key] <= 1 for row in rows for key in ("j", "f", "jf"))
    assert "J&F" in capsys.readouterr().out
