import json

import numpy as np
import pytest
from PIL import Image

from refiner.commands.evaluate import EvaluateOptions, evaluate_models
from refiner.commands.measuring import models as loading
from refiner.commands.measuring.models import load_segmenters
from refiner.commands.parser import main
from refiner.config import COMPARED, HQConfig
from refiner.data.manifest import read_manifest
from refiner.evaluation.harm import harm, write_per_photo
from refiner.evaluation.photos import measure_photos, photo_scores, photo_table
from refiner.evaluation.prompts import (
    PromptSpec,
    parse_prompt_specs,
    sample_prompts,
    stable_seed,
)
from refiner.evaluation.records import Plan, parse_models
from refiner.network.checkpoint import load_base, save_refiner, state_id
from refiner.network.hq_sam2 import HQSAM2
from refiner.types import (
    Box,
    Click,
    ImageResult,
    InputError,
    Mask,
    MaskPair,
    ModelInfo,
    Prompts,
    Timings,
)


class LabelSegmenter:
    """Reads the labels from the red channel; each answer's size follows from the prompt.

    `refined` is the object prompted for. `base` is its part up to the first click's row, or
    with a box its upper half.
    """

    def __init__(self, name="fake"):
        self.info = ModelInfo(name, "cpu", "none", "none", {"seed": 1})
        self.calls = []

    def prepare(self, image):
        raise AssertionError("not needed")

    def segment(self, image, objects, *, logits=False):
        self.calls.append(tuple(objects))
        pairs = tuple(self.pair(image[..., 0], prompts) for prompts in objects)
        return ImageResult(pairs, Timings(0, 0, 0, 0))

    def pair(self, labels, prompts):
        if prompts.box is None:
            x, y = prompts.clicks[0].x, prompts.clicks[0].y
            last = int(y)
        else:
            x = (prompts.box.x0 + prompts.box.x1) / 2
            y = (prompts.box.y0 + prompts.box.y1) / 2
            last = int(y) - 1
        whole = labels == labels[int(y), int(x)]
        part = whole.copy()
        part[last + 1 :] = False
        return MaskPair(Mask(part, 0.5), Mask(whole, 0.5))


class PartSegmenter(LabelSegmenter):
    """Its `refined` is the left three tenths of LabelSegmenter's, its `base` the same."""

    def pair(self, labels, prompts):
        pair = super().pair(labels, prompts)
        columns = np.flatnonzero(pair.refined.mask.any(axis=0))
        part = pair.refined.mask.copy()
        part[:, columns[3 * len(columns) // 10] :] = False
        return MaskPair(pair.base, Mask(part, 0.5))


def named(segmenter):
    """Give a segmenter as the one of sam2refiner; leave a mapping as it is."""
    return segmenter if isinstance(segmenter, dict) else {"sam2refiner": segmenter}


def save(folder, name, kind, labels, source, split="val"):
    """Add a photo whose red channel is its label map, and its line of the manifest."""
    for place, array in (
        ("images", np.repeat(labels[..., None], 3, axis=2)),
        ("masks", labels),
    ):
        path = folder / place / source / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    value = {
        "id": f"{source}_{name}",
        "image": f"images/{source}/{name}.png",
        "mask": f"masks/{source}/{name}.png",
        "kind": kind,
        "source": "somewhere",
        "split": split,
        "h": labels.shape[0],
        "w": labels.shape[1],
    }
    with (folder / "manifest.jsonl").open("a") as file:
        file.write(json.dumps(value) + "\n")


@pytest.fixture
def manifest(tmp_path):
    """Two photos of objects (one object; two), one of regions (one of two large enough)."""
    one = np.zeros((20, 30), np.uint8)
    one[4:14, 5:15] = 1
    two = np.zeros((20, 30), np.uint8)
    two[2:8, 2:8] = 1
    two[10:18, 12:20] = 2
    regions = np.full((40, 40), 3, np.uint8)  # 1600 pixels: a region has at least 4
    regions[0, :3] = 4
    save(tmp_path, "a", "object", one, "ecssd")
    save(tmp_path, "b", "human", two, "humanseg")
    save(tmp_path, "c", "regions", regions, "bsds")
    save(tmp_path, "d", "object", one, "ecssd", split="train")
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write(
            '{"id": "v", "image": "videos/x/y/frames", "mask": "videos/x/y/masks", '
            '"kind": "video", "split": "val", "w": 4, "h": 4, "frames": 2}\n'
        )
    return tmp_path / "manifest.jsonl"


def evaluate(manifest, prompts, segmenter=None, models=("sam2", "sam2refiner"), **options):
    plan = Plan(parse_prompt_specs(prompts), models, options.pop("seeds", (0, 1)))
    per_photo = options.pop("per_photo", None)
    measured = measure(named(segmenter or LabelSegmenter()), manifest, plan, **options)
    if per_photo:
        write_per_photo(per_photo, measured)
    rows = photo_table(measured, plan)
    return {(row["source"], row["prompts"], row["model"]): row for row in rows}


def measure(segmenters, manifest, plan, progress=False, **options):
    return measure_photos(
        {name: one.info for name, one in segmenters.items()},
        read_manifest(manifest, "val"),
        plan,
        lambda rows: (photo_scores(segmenters, plan, row) for row in rows),
        progress=progress,
        **options,
    )


# Scores and their means


def test_scores_average_over_objects_then_photos(manifest):
    rows = evaluate(manifest, "box")
    # The base keeps the upper half of each object, the refiner all of it.
    for source, n, objects in (
        ("all", 3, 4),
        ("objects", 2, 3),
        ("regions+clothing", 1, 1),
        ("ecssd", 1, 1),
        ("humanseg", 1, 2),
        ("bsds", 1, 1),
    ):
        refined = rows[source, "box", "sam2refiner"]
        assert (refined["n"], refined["objects"]) == (n, objects)
        assert (refined["miou"], refined["mbiou"], refined["mbiou_strict"]) == (1, 1, 1)
        assert (refined["seeds"], refined["miou_sd"]) == (1, 0)
    assert rows["ecssd", "box", "sam2"]["miou"] == pytest.approx(50 / 100)
    # 40 x 40 less the three small pixels of the top row: rows 0 to 19 of 40 remain.
    region = (20 * 40 - 3) / (1600 - 3)
    assert rows["bsds", "box", "sam2"]["miou"] == pytest.approx(region)
    assert rows["objects", "box", "sam2"]["miou"] == pytest.approx(0.5)
    assert rows["all", "box", "sam2"]["miou"] == pytest.approx((0.5 + 0.5 + region) / 3)
    # Rims one pixel wide: the 10 x 5 half's has 26 pixels, the square's 36; they share its top
    # row and both sides' next four rows.
    assert rows["ecssd", "box", "sam2"]["mbiou"] == pytest.approx(18 / (26 + 36 - 18))
    assert len(rows) == 6 * 2


def test_points_average_over_seeds_with_the_deviation_of_a_sample(manifest):
    rows = evaluate(manifest, "points:1", seeds=(3, 4, 5))
    square = np.zeros((20, 30), bool)
    square[4:14, 5:15] = True
    per_seed = []
    for seed in (3, 4, 5):
        spec = PromptSpec("points:1", 1)
        (click,) = sample_prompts(spec, square, stable_seed(seed, "ecssd_a", 1)).clicks
        per_seed.append((click.y - 0.5 - 4 + 1) / 10)  # rows of the square up to the click's
    row = rows["ecssd", "points:1", "sam2"]
    assert len(set(per_seed)) > 1
    assert row["miou"] == pytest.approx(sum(per_seed) / 3)
    mean = sum(per_seed) / 3
    assert row["miou_sd"] == pytest.approx((sum((x - mean) ** 2 for x in per_seed) / 2) ** 0.5)
    assert row["seeds"] == 3
    assert rows["ecssd", "points:1", "sam2refiner"]["miou_sd"] == 0


def test_harm_is_what_refinement_costs_single_objects(manifest, tmp_path):
    better = evaluate(manifest, "box", per_photo=tmp_path / "photos.csv")[
        "all", "box", "sam2refiner"
    ]
    assert (better["harm"], better["harm_loss"]) == (0, 0)
    bins = better["by_base"]
    assert [(start, count) for start, count, _, _ in bins] == [(0.0, 1), (0.5, 3)]
    assert all(after == 1 for _, _, _, after in bins)
    assert "harm" not in evaluate(manifest, "box")["all", "box", "sam2"]
    lines = (tmp_path / "photos.csv").read_text().splitlines()
    assert lines[0] == "id,source,prompts,model,objects,miou,mbiou"
    assert lines[1].startswith("ecssd_a,ecssd,box,sam2,1,0.5000,")
    assert len(lines) == 1 + 3 * 2


def test_harm_counts_objects_that_lose_more_than_two_points():
    base = [[[[0.9, 0, 0], [0.5, 0, 0]]], [[[0.4, 0, 0], [0.95, 0, 0]]]]
    refined = [[[[0.8, 0, 0], [0.49, 0, 0]]], [[[0.6, 0, 0], [0.65, 0, 0]]]]
    found = harm(base, refined)
    assert found["harm"] == 0.5
    assert found["harm_loss"] == pytest.approx(0.2)
    assert [(start, count) for start, count, _, _ in found["by_base"]] == [
        (0, 1),
        (0.5, 1),
        (0.9, 2),
    ]
    assert found["by_base"][0][2:] == pytest.approx([0.4, 0.6])


def test_noc_clicks_each_model_where_it_errs_itself(manifest):
    rows = evaluate(manifest, "noc")
    refined = rows["all", "noc", "sam2refiner"]
    assert (refined["noc85"], refined["noc90"], refined["nof90"]) == (1, 1, 0)
    assert refined["iou_per_click"] == [1.0] * 20
    # The fake's base ends at the first click's row, the square's middle, whatever follows.
    base = rows["ecssd", "noc", "sam2"]
    assert (base["noc85"], base["noc90"], base["nof90"]) == (20, 20, 1)
    assert base["iou_per_click"] == pytest.approx([0.5] * 20)
    assert (rows["all", "noc", "sam2"]["nof90"], rows["all", "noc", "sam2"]["objects"]) == (4, 4)


def test_many_objects_are_asked_for_a_few_a_call(tmp_path):
    labels = np.zeros((8, 80), np.uint8)
    labels[:, ::2] = np.arange(1, 41)
    save(tmp_path, "a", "object", labels, "butterfly")
    segmenter = LabelSegmenter()
    rows = evaluate(tmp_path / "manifest.jsonl", "box", segmenter)
    assert [len(call) for call in segmenter.calls] == [32, 8]
    assert rows["all", "box", "sam2refiner"]["objects"] == 40


def test_a_photo_without_objects_does_not_count(tmp_path, manifest):
    save(tmp_path, "e", "object", np.zeros((4, 4), np.uint8), "ecssd")
    rows = evaluate(manifest, "box,points:2,noc")
    assert rows["ecssd", "box", "sam2"]["n"] == 1


def test_one_model_alone_and_box_once(manifest):
    segmenter = LabelSegmenter()
    rows = evaluate(manifest, "box,points:1", segmenter, models=("sam2",), seeds=(0, 1, 2))
    assert {key[2] for key in rows} == {"sam2"}
    assert sum(call[0].box is not None for call in segmenter.calls) == 3
    assert sum(call[0].box is None for call in segmenter.calls) == 9


class TrimSegmenter(LabelSegmenter):
    """Of a mask prompt `base` is the mask, `refined` what of it is on an object."""

    def pair(self, labels, prompts):
        if prompts.mask is None:
            return super().pair(labels, prompts)
        return MaskPair(Mask(prompts.mask, 0.5), Mask(prompts.mask & (labels > 0), 0.5))


def test_a_degraded_mask_is_scored_beside_what_is_made_of_it(manifest):
    rows = evaluate(manifest, "dilated,eroded,box", TrimSegmenter())
    models = {
        prompts: [key[2] for key in rows if key[:2] == ("ecssd", prompts)]
        for prompts in ("dilated", "box")
    }
    assert models == {"dilated": ["given", "sam2", "sam2refiner"], "box": ["sam2", "sam2refiner"]}
    given, base, refined = (rows["ecssd", "dilated", name] for name in models["dilated"])
    assert given["miou"] == base["miou"] == pytest.approx(100 / (20 * 23))
    assert refined["miou"] == 1
    assert given["seeds"] == 1
    assert rows["ecssd", "eroded", "given"]["miou"] == pytest.approx(0.04)


def test_models_are_named_and_unknown_ones_refused(manifest):
    pair = LabelSegmenter().pair(np.ones((4, 4), np.uint8), Prompts(clicks=(Click(1, 1),)))
    assert pair.mask_of("sam2") is pair.base
    assert pair.mask_of("sam2refiner") is pair.refined
    assert pair.mask_of("hq-sam2") is pair.refined
    with pytest.raises(InputError, match="'sam3'; expected one of: sam2, sam2refiner, .*, hq-sam2"):
        pair.mask_of("sam3")
    assert parse_models("sam2refiner, sam2,sam2") == ("sam2refiner", "sam2")
    assert parse_models("all") == ("sam2", *COMPARED)
    with pytest.raises(InputError, match="Unknown model 'x'"):
        evaluate(manifest, "box", models=("x",))
    with pytest.raises(InputError, match="Unknown model 'sam3'"):
        evaluate(manifest, "box", {"sam3": LabelSegmenter()}, models=("sam2",))
    with pytest.raises(InputError, match="masks of hq-sam2; got segmenters for: sam2refiner"):
        evaluate(manifest, "box", models=("sam2", "hq-sam2"))
    with pytest.raises(InputError, match="masks of sam2; got segmenters for: nothing"):
        measure({}, manifest, Plan((), ("sam2",), (0,)))
    with pytest.raises(InputError, match="Expected photos and seeds"):
        evaluate(manifest, "box", seeds=())


ALL = ("sam2", "hq-sam2", "sam2refiner")


def test_several_refined_models_answer_the_same_prompts(manifest):
    ours, hq = LabelSegmenter(), PartSegmenter("hq")
    both = {"hq-sam2": hq, "sam2refiner": ours}
    rows = evaluate(manifest, "box,points:2", both, models=ALL)
    scores = [rows["ecssd", "box", model]["miou"] for model in ALL]
    assert scores == pytest.approx([0.5, 0.3, 1])
    assert hq.calls == ours.calls
    assert len(hq.calls) == 3 * (1 + 2)  # photos times (box, two seeds of points)
    alone = evaluate(manifest, "box,points:2", models=("sam2", "sam2refiner"))
    assert alone == {key: row for key, row in rows.items() if key[2] != "hq-sam2"}


def test_sam2_comes_from_the_first_segmenter_and_the_others_rest(manifest):
    ours, hq = LabelSegmenter(), PartSegmenter("hq")
    evaluate(manifest, "box,noc", {"hq-sam2": hq, "sam2refiner": ours}, models=("sam2",))
    assert hq.calls
    assert ours.calls == []


def test_every_model_is_clicked_where_it_errs_among_several_too(manifest):
    both = {"hq-sam2": PartSegmenter("hq"), "sam2refiner": LabelSegmenter()}
    rows = evaluate(manifest, "noc", both, models=ALL)
    assert (
        rows["all", "noc", "sam2refiner"] == evaluate(manifest, "noc")["all", "noc", "sam2refiner"]
    )
    assert rows["ecssd", "noc", "sam2"] == evaluate(manifest, "noc")["ecssd", "noc", "sam2"]
    assert rows["ecssd", "noc", "hq-sam2"]["iou_per_click"] == pytest.approx([0.3] * 20)
    assert rows["ecssd", "noc", "hq-sam2"]["nof90"] == 1


def test_progress_goes_to_stderr_with_the_time_left(manifest, capsys):
    plan = Plan(parse_prompt_specs("box"), ("sam2",), (0,))
    measure(named(LabelSegmenter()), manifest, plan, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err


# resume


class Interrupted(Exception):
    pass


def test_an_interrupted_evaluation_goes_on_where_it_stopped(tmp_path, manifest):
    resume = tmp_path / "out" / "resume.jsonl"

    class Failing(LabelSegmenter):
        def segment(self, image, objects, **options):
            if image.shape[0] == 40:  # the third photo
                raise Interrupted
            return super().segment(image, objects, **options)

    prompts = "box,points:1,noc"
    with pytest.raises(Interrupted):
        evaluate(manifest, prompts, Failing(), resume=resume)
    with resume.open("a") as file:
        file.write('{"id": "bsds_c", "obj')  # cut off in the middle of a line
    second = LabelSegmenter()
    resumed = evaluate(manifest, prompts, second, resume=resume)
    assert resumed == evaluate(manifest, prompts)
    assert {call[0].box for call in second.calls if call[0].box} == {Box(0, 0, 40, 40)}
    third = LabelSegmenter()
    assert evaluate(manifest, prompts, third, resume=resume) == resumed
    assert third.calls == []


@pytest.mark.parametrize(
    "change",
    [
        {"prompts": "box,points:1"},
        {"models": ("sam2",)},
        {"seeds": (0, 2)},
        {"segmenter": LabelSegmenter("other")},
        {"segmenter": {"sam2refiner": LabelSegmenter(), "hq-sam2": LabelSegmenter()}},
        {"segmenter": {"hq-sam2": LabelSegmenter()}, "models": ("sam2", "hq-sam2")},
    ],
)
def test_a_resume_file_of_another_evaluation_is_refused_and_kept(tmp_path, manifest, change):
    resume = tmp_path / "resume.jsonl"
    evaluate(manifest, "box", resume=resume)
    before = resume.read_text()
    with pytest.raises(InputError, match="belongs to another evaluation; delete it"):
        evaluate(manifest, **({"prompts": "box", "resume": resume} | change))
    assert resume.read_text() == before
    resume.write_text("my notes")
    with pytest.raises(InputError, match="belongs to another evaluation"):
        evaluate(manifest, "box", resume=resume)
    assert resume.read_text() == "my notes"


# the command


def test_the_document_says_what_was_measured_with_what(tmp_path, manifest):
    out = tmp_path / "results" / "fake.json"
    options = EvaluateOptions(
        manifest, prompts="box", seeds=2, json=out, command="evaluate it", progress=False
    )
    document = evaluate_models(named(LabelSegmenter()), options)
    assert json.loads(out.read_text()) == document
    assert [file.name for file in out.parent.iterdir()] == ["fake.json"]
    config = document["config"]
    assert config["command"] == "evaluate it"
    assert len(config["manifest_sha256"]) == 64
    assert (config["split"], config["prompts"], config["seeds"]) == ("val", ["box"], [0, 1])
    assert (config["rows"], config["models"]) == (3, ["sam2", "sam2refiner"])
    assert config["segmenters"]["sam2refiner"]["details"] == {"seed": 1}
    assert set(document["versions"]) == {
        "python",
        "torch",
        "sam2",
        "timm",
        "numpy",
        "opencv",
        "vos-benchmark",
    }
    assert document["versions"]["numpy"] == np.__version__


def test_rows_are_kept_by_source_and_limit(manifest):
    def rows(**options):
        options = EvaluateOptions(manifest, prompts="box", seeds=1, progress=False, **options)
        return evaluate_models(named(LabelSegmenter()), options)["rows"]

    assert {row["source"] for row in rows(source="bsds")} == {"all", "regions+clothing", "bsds"}
    assert {row["source"] for row in rows(limit=1)} == {"all", "objects", "ecssd"}
    assert rows(limit=9)[0]["n"] == 3
    assert rows(split=None, source="ecssd")[0]["n"] == 2


def test_a_limit_spreads_over_the_manifest(tmp_path):
    square = np.pad(np.ones((4, 4), np.uint8), 2)
    for source in ("one", "two", "three"):
        for name in "abcd":
            save(tmp_path, name, "object", square, source)
    options = EvaluateOptions(tmp_path / "manifest.jsonl", prompts="box", limit=3, progress=False)
    rows = evaluate_models(named(LabelSegmenter()), options)["rows"]
    assert {
        row["source"]: row["n"] for row in rows if row["source"] in ("one", "two", "three")
    } == {
        "one": 1,
        "two": 1,
        "three": 1,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 0}, "--seeds must be at least 1, got 0"),
        ({"limit": 0}, "--limit must be at least 1, got 0"),
        ({"source": "dis"}, "no photos of source 'dis' .* some of: bsds, ecssd, humanseg"),
        ({"split": "test"}, "no split 'test'"),
        ({"prompts": "lasso"}, "Unknown prompts 'lasso'"),
        ({"models": ("sam3",)}, "Unknown model 'sam3'"),
    ],
)
def test_options_that_cannot_be_used_are_refused(manifest, change, message):
    with pytest.raises(InputError, match=message):
        evaluate_models(
            named(LabelSegmenter()), EvaluateOptions(manifest, progress=False, **change)
        )


@pytest.mark.parametrize(
    "places",
    [
        {},
        {"manifest": "m", "dataset": "dis", "root": "d"},
        {"manifest": "m", "root": "d"},
        {"dataset": "dis"},
        {"root": "d"},
    ],
)
def test_photos_come_from_one_place(places):
    with pytest.raises(InputError, match="either --manifest FILE, or --dataset NAME with --root"):
        evaluate_models(named(LabelSegmenter()), EvaluateOptions(**places, progress=False))


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path, manifest):
    segmenter = LabelSegmenter()
    for place in (tmp_path, manifest / "out.json"):
        with pytest.raises(InputError, match="Cannot write"):
            evaluate_models(named(segmenter), EvaluateOptions(manifest, json=place, progress=False))
    assert segmenter.calls == []


# what is loaded


@pytest.fixture
def loads(monkeypatch):
    """Load fakes that are what the file's name says; note what was asked for."""
    asked = []

    def load(backbone, device, base, refiner):
        asked.append((backbone, device, base, refiner))
        hq = "hq" in refiner.name
        segmenter = LabelSegmenter()
        segmenter.info.details["kind"] = "hq-sam2" if hq else "sam2refiner"
        parts = [part for part in ("la", "pr", "mr") if f"-{part}" in refiner.name]
        segmenter.info.details["modules"] = [] if hq else parts or ["la", "pr", "mr"]
        segmenter.info.details["quarters"] = "half" if "-half" in refiner.name else "source"
        modules = segmenter.info.details["modules"]
        paper = "paper" in refiner.name or "la-mr" in refiner.name
        segmenter.info.details["skips"] = {"la", "mr"} <= set(modules) and not paper
        return segmenter

    monkeypatch.setattr(loading, "load_segmenter", load)
    return asked


def test_each_refined_model_is_loaded_once_on_the_same_base(loads, tmp_path):
    files = {"sam2refiner": None, "hq-sam2": tmp_path / "hq"}
    loaded = load_segmenters(
        ["sam2", "hq-sam2", "sam2refiner"], files, "sam2-lite", "cpu", tmp_path
    )
    assert list(loaded) == ["hq-sam2", "sam2refiner"]
    assert loads == [
        ("sam2-lite", "cpu", tmp_path, tmp_path / "hq"),
        ("sam2-lite", "cpu", tmp_path, loading.WEIGHTS / "sam2refiner-lite.safetensors"),
    ]
    assert list(load_segmenters(["sam2"], files)) == ["sam2refiner"]
    assert list(load_segmenters(["sam2", "hq-sam2"], files)) == ["hq-sam2"]


def test_weights_of_another_kind_are_refused_for_a_name(loads, tmp_path):
    for name, file, held in (
        ("hq-sam2", "ours", "sam2refiner"),
        ("sam2refiner", "hq", "hq-sam2"),
        ("sam2refiner", "x-la-mr", "sam2refiner-la-mr"),
        ("sam2refiner-la", "x-half", "sam2refiner-half"),
        ("sam2refiner", "x-paper", "sam2refiner-paper"),
        ("sam2refiner-pr-mr", "x-mr", "SAM2Refiner with the modules mr of no variant"),
    ):
        with pytest.raises(InputError, match=f"weights of {name}, but .*{file} holds a {held}"):
            load_segmenters([name], {name: tmp_path / file})


def test_weights_lie_in_a_folder_or_are_said_to_be_missing(loads, tmp_path):
    models = ["sam2", "hq-sam2", "sam2refiner-la-pr"]
    (tmp_path / "sam2refiner-la-pr-lite.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="no weights of hq-sam2 .*'.* train hq --backbone sam2-l"):
        load_segmenters(models, {}, folder=tmp_path)
    (tmp_path / "hq-sam2-lite.safetensors").write_bytes(b"")
    assert list(load_segmenters(models, {}, folder=tmp_path)) == ["hq-sam2", "sam2refiner-la-pr"]
    assert loads[-1][3] == tmp_path / "sam2refiner-la-pr-lite.safetensors"
    with pytest.raises(InputError, match="hq-sam2-sam2.1-tiny.safetensors is missing"):
        load_segmenters(["sam2", "hq-sam2"], {}, "sam2.1-tiny", folder=tmp_path)
    with pytest.raises(InputError, match="train refiner --variants sam2refiner-half --backbone"):
        load_segmenters(["sam2refiner-half"], {}, folder=tmp_path)


def test_the_command_measures_three_models_of_small_weights(
    weights, lite_config, manifest, tmp_path, capsys
):
    hq, out = tmp_path / "hq.safetensors", tmp_path / "out.json"
    base_id = state_id(load_base(weights[0])[0])
    save_refiner(hq, HQSAM2(HQConfig(lite_config.hidden_dim, 128)), base_id, {"summary": "none"})
    given = ["evaluate", "--manifest", manifest, "--weights", weights[0], "--device", "cpu"]
    given += ["--prompts", "box", "--models", ",".join(ALL), "--json", out, "--only", "photos"]
    assert main([*map(str, given), "--refiner", str(weights[1]), "--hq", str(hq)]) == 0
    document = json.loads(out.read_text())
    assert document["config"]["models"] == list(ALL)
    details = {name: one["details"] for name, one in document["config"]["segmenters"].items()}
    assert [(name, one["kind"]) for name, one in details.items()] == [
        ("hq-sam2", "hq-sam2"),
        ("sam2refiner", "sam2refiner"),
    ]
    assert (details["hq-sam2"]["modules"], details["sam2refiner"]["modules"]) == (
        [],
        ["la", "pr", "mr"],
    )
    table = capsys.readouterr().out
    assert all(f" {model} " in table for model in ALL)
    assert main([*map(str, given), "--refiner", str(hq), "--hq", str(hq)]) == 2
    assert "Expected weights of sam2refiner, but" in capsys.readouterr().err
