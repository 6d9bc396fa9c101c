"""The base models against the sam2 package's own predictor and forward pass, and against timm."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from sam2.build_sam import HF_MODEL_ID_TO_FILENAMES
from sam2.sam2_image_predictor import SAM2ImagePredictor

from refiner.config import OFFICIAL, LiteConfig, RefinerConfig
from refiner.network.base_model import (
    BaseFeatures,
    PointPrompts,
    build_lite,
    build_official,
    click_maps,
    encode,
    load_official,
    mask_to_logits,
    normalise,
    reference_predictor,
    set_image_size,
)
from refiner.network.checkpoint import state_id
from refiner.network.decoding import decode, decode_both
from refiner.network.lite import LiteTrunk, fold_batch_norms
from refiner.network.quarters import local_features
from refiner.network.sam2refiner import SAM2Refiner
from refiner.predict.segmenter import BaseSegmenter
from refiner.types import Box, Click, InputError, ModelInfo, Prompts

INFO = ModelInfo("random", "cpu", "", "")


def discs(height, width):
    rows, columns = np.ogrid[:height, :width]
    return (rows - 0.4 * height) ** 2 + (columns - 0.6 * width) ** 2 < (
        0.3 * min(height, width)
    ) ** 2


def every_prompt(height, width):
    """Each way to prompt, in pixels of a picture of that size."""
    click = Click(0.3 * width, 0.7 * height)
    mixed = (click, Click(0.9 * width, 0.1 * height, False), Click(0.5 * width, 0.25 * height))
    box = Box(0.2 * width, 0.1 * height, 0.8 * width, 0.9 * height)
    return {
        "a click": Prompts((click,)),
        "three clicks of both signs": Prompts(mixed),
        "a box": Prompts(box=box),
        "a box and a click": Prompts(mixed[1:2], box),
        "a mask": Prompts(mask=discs(height, width)),
        "a mask and a click": Prompts((click,), mask=discs(height, width)),
    }


def reference(predictor, prompts):
    """The best mask's logits at the picture's size and its predicted IoU, by SAM2ImagePredictor.

    SAM2's rule for several candidates is what `sam2_base.py` does: at most one point.
    """
    coords = np.array([[click.x, click.y] for click in prompts.clicks], np.float32)
    labels = np.array([int(click.positive) for click in prompts.clicks])
    box = prompts.box and np.array([prompts.box.x0, prompts.box.y0, prompts.box.x1, prompts.box.y1])
    low = None
    if prompts.mask is not None:
        size = predictor.model.image_size // 4
        probability = Image.fromarray(prompts.mask.astype(np.float32))
        low = np.array(probability.resize((size, size), Image.Resampling.BILINEAR))
        low = (20 * low - 10)[None]
    masks, ious, _ = predictor.predict(
        coords if len(coords) else None,
        labels if len(coords) else None,
        box,
        low,
        multimask_output=len(coords) + 2 * (box is not None) <= 1,
        return_logits=True,
    )
    return masks[ious.argmax()], ious.max()


def compare(segmenter, predictor, image, kinds=None):
    predictor.set_image(image)
    prompts = every_prompt(*image.shape[:2])
    prompts = {name: prompts[name] for name in kinds or prompts}
    found = segmenter.segment(image, list(prompts.values()), logits=True)
    for (name, given), pair in zip(prompts.items(), found.objects, strict=True):
        logits, iou = reference(predictor, given)
        assert logits.std() > 0.2, name  # otherwise the comparison would say nothing
        assert np.abs(pair.base.logits - logits).max() < 1e-4, name
        assert pair.base.quality == pytest.approx(float(iou), abs=1e-4), name
        assert (pair.base.mask == (pair.base.logits > 0)).all(), name


def test_base_masks_of_sam21_tiny_are_those_of_the_sam2_predictor(tiny_base, picture):
    """Golden values: SAM2ImagePredictor of sam2 1.1.0."""
    segmenter = BaseSegmenter(tiny_base, INFO, torch.device("cpu"))
    kinds = ("a click", "a box and a click", "a mask and a click")
    compare(segmenter, SAM2ImagePredictor(tiny_base), picture(70, 231), kinds)


@pytest.mark.parametrize("size_hw", [(128, 128), (201, 77), (33, 310), (5, 90), (400, 300)])
def test_base_masks_of_sam2_lite_are_those_of_the_sam2_predictor(segmenter, picture, size_hw):
    """Golden values: SAM2ImagePredictor of sam2 1.1.0 with the feature sizes of S = 128."""
    predictor = SAM2ImagePredictor(segmenter.base)
    predictor._bb_feat_sizes = [(32, 32), (16, 16), (8, 8)]
    compare(segmenter, predictor, picture(*size_hw))


def test_the_reference_predictor_works_at_other_sizes_than_1024(lite_base, picture):
    predictor = reference_predictor(lite_base)
    predictor.set_image(picture(60, 90))
    masks, _, _ = predictor.predict(np.array([[10, 20]]), np.array([1]))
    assert masks.shape == (3, 60, 90)


@pytest.mark.parametrize("run", ["tiny_run", "lite_run"])
def test_encoding_is_the_forward_pass_of_sam2(run, request):
    """Golden values: SAM2Base.forward_image and its memory-free feature of sam2 1.1.0."""
    run = request.getfixturevalue(run)
    with torch.inference_mode():
        levels = run.base.forward_image(run.picture)["backbone_fpn"]
    torch.testing.assert_close(run.features.high_res[0], levels[0])
    torch.testing.assert_close(run.features.high_res[1], levels[1])
    torch.testing.assert_close(run.fpn[2], levels[2])
    with torch.inference_mode():
        g = levels[2] + run.base.no_mem_embed.reshape(1, -1, 1, 1)
    torch.testing.assert_close(run.features.g, g)
    assert levels[2].std() > 0.05


def test_pictures_encoded_one_by_one_are_those_of_a_batch(lite_base, monkeypatch):
    pictures = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        batch, batch_fpn = encode(lite_base, pictures)
        monkeypatch.setattr("refiner.network.base_model.ONE_BY_ONE", 128)
        features, fpn = encode(lite_base, pictures)
    torch.testing.assert_close(features.high_res, batch.high_res)
    torch.testing.assert_close(fpn, batch_fpn)


def test_sam21_large_gives_what_the_refiner_takes():
    """Shapes alone: on the meta device nothing is computed."""
    base = build_official("sam2.1-large").requires_grad_(False).to("meta")
    with torch.device("meta"):
        refiner = SAM2Refiner(RefinerConfig(base.hidden_dim, base.image_size)).eval()
        picture = torch.empty(1, 3, 1024, 1024)
        points = PointPrompts(torch.empty(1, 1, 2), torch.ones(1, 1, dtype=torch.int64))
        index = torch.zeros(1, dtype=torch.int64)
        with torch.inference_mode():
            features, fpn = encode(base, picture)
            local = local_features(base, picture)
            prepared = refiner.prepare(base, features.g, fpn, picture, local)
            decoded = decode(base, features, index, points)
    assert features.g.shape == (1, 256, 64, 64)
    assert local[2].shape == (1, 256, 64, 64)
    assert prepared.g.shape == (1, 256, 64, 64)
    assert prepared.fine.shape == (1, 32, 512, 512)
    assert decoded.masks.shape == (1, 3, 256, 256)


def test_decoding_takes_the_candidate_with_the_best_predicted_iou(lite_run):
    decoded = lite_run.decoded
    assert decoded.masks.shape[1] == 3
    best = int(decoded.ious[0].argmax())
    assert torch.equal(decoded.best[0, 0], decoded.masks[0, best])
    assert decoded.best_iou[0] == decoded.ious[0].max()
    assert not torch.equal(decoded.masks[0, best], decoded.masks[0, (best + 1) % 3])


def test_two_points_or_a_box_give_one_mask(lite_base):
    features, _ = encode(lite_base, torch.randn(1, 3, 128, 128))
    index = torch.zeros(1, dtype=torch.int64)
    coords = torch.tensor([[[10.0, 20.0], [90.0, 100.0]]])
    for labels in ([1, 0], [2, 3]):
        answer = decode(lite_base, features, index, PointPrompts(coords, torch.tensor([labels])))
        assert answer.masks.shape == (1, 1, 32, 32)


def test_each_object_is_answered_on_its_own_picture(lite_base):
    pictures = torch.randn(2, 3, 128, 128)
    features, _ = encode(lite_base, pictures)
    points = PointPrompts(torch.full((3, 1, 2), 40.0), torch.ones(3, 1, dtype=torch.int32))
    answer = decode(lite_base, features, torch.tensor([1, 0, 1]), points)
    torch.testing.assert_close(answer.best[0], answer.best[2])
    assert (answer.best[0] - answer.best[1]).abs().max() > 0.01
    alone, _ = encode(lite_base, pictures[:1])
    one = PointPrompts(points.coords[:1], points.labels[:1])
    other = decode(lite_base, alone, torch.tensor([0]), one)
    torch.testing.assert_close(answer.best[1:2], other.best, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(answer.embedding[1:2], other.embedding, atol=1e-4, rtol=1e-4)


def test_the_object_embedding_and_the_tokens_are_the_transformers(lite_base):
    """Golden values: the two-way transformer's own return values, seen by another hook."""
    features, _ = encode(lite_base, torch.randn(1, 3, 128, 128))
    points = PointPrompts(torch.tensor([[[30.0, 60.0]]]), torch.tensor([[1]]))
    seen = []
    handle = lite_base.sam_mask_decoder.transformer.register_forward_hook(
        lambda module, args, output: seen.append(output)
    )
    answer = decode(lite_base, features, torch.tensor([0]), points)
    handle.remove()
    tokens, embedding = seen[0]
    assert torch.equal(answer.tokens, tokens)
    assert torch.equal(answer.embedding[0, :, 2, 5], embedding[0, 2 * 8 + 5])
    assert not lite_base.sam_mask_decoder.transformer._forward_hooks


def test_another_global_feature_changes_the_answer(lite_base):
    features, _ = encode(lite_base, torch.randn(1, 3, 128, 128))
    points = PointPrompts(torch.tensor([[[30.0, 60.0]]]), torch.tensor([[1]]))
    index = torch.tensor([0])
    plain = decode(lite_base, features, index, points)
    other = decode(lite_base, features, index, points, g=features.g.flip(-1))
    assert torch.equal(
        decode(lite_base, BaseFeatures(features.high_res, features.g.flip(-1)), index, points).best,
        other.best,
    )
    assert (plain.best - other.best).abs().max() > 1e-3


@pytest.mark.parametrize(("points", "masks"), [(True, False), (False, True), (True, True)])
def test_decoding_twice_in_one_pass_gives_what_two_passes_give(lite_base, points, masks):
    generator = torch.Generator().manual_seed(4)
    size = lite_base.image_size
    features, _ = encode(lite_base, torch.randn(1, 3, size, size, generator=generator))
    other, index = features.g.flip(-1), torch.zeros(3, dtype=torch.int64)
    coords = size * torch.rand(3, 2, 2, generator=generator)
    given = PointPrompts(coords, torch.tensor([[1, 0], [2, 3], [1, 1]])) if points else None
    logits = 9 * torch.randn(3, 1, size // 4, size // 4, generator=generator) if masks else None
    both = decode_both(lite_base, features, other, index, given, logits)
    for found, g in zip(both, (None, other), strict=True):
        wanted = decode(lite_base, features, index, given, logits, g=g)
        for name, value in vars(wanted).items():
            assert torch.allclose(vars(found)[name], value, atol=1e-4), name


def test_normalising_is_imagenets():
    """Golden values: torchvision's transforms.Normalize, which SAM2Transforms uses."""
    from torchvision.transforms import Normalize

    pictures = torch.rand(2, 3, 4, 5)
    expected = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(pictures)
    torch.testing.assert_close(normalise(pictures), expected)


def test_a_mask_prompt_becomes_logits_between_minus_ten_and_ten():
    mask = torch.zeros(1, 1, 40, 80)
    mask[..., :40] = 1
    logits = mask_to_logits(mask, 16)
    assert logits.shape == (1, 1, 16, 16)
    torch.testing.assert_close(logits[..., :6], torch.full((1, 1, 16, 6), 10.0))
    torch.testing.assert_close(logits[..., 10:], torch.full((1, 1, 16, 6), -10.0))


def test_click_maps_show_discs_where_the_clicks_are():
    coords = torch.tensor([[[40.0, 8.0], [100.0, 120.0]], [[64.0, 64.0], [0.0, 128.0]]])
    labels = torch.tensor([[1, 0], [1, -1]])
    maps = click_maps(PointPrompts(coords, labels), 32, 128, 3)
    assert maps.shape == (2, 3, 32, 32)
    rows, columns = np.ogrid[:32, :32]
    for row, channel, x, y in ((0, 0, 10, 2), (0, 1, 25, 30), (1, 0, 16, 16)):
        disc = (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= 9
        assert (maps[row, channel].numpy() == disc).all()
    assert maps[1, 1].sum() == 0  # a padding point is drawn nowhere
    assert maps[:, 2].sum() == 0


def test_click_maps_fill_the_box_and_only_the_box():
    coords = torch.tensor([[[16.0, 32.0], [80.0, 64.0], [120.0, 120.0]], [[4.0, 4.0]] * 3])
    labels = torch.tensor([[2, 3, 1], [1, 1, 0]])
    maps = click_maps(PointPrompts(coords, labels), 32, 128, 3)
    box = torch.zeros(32, 32)
    box[8:16, 4:20] = 1
    assert torch.equal(maps[0, 2], box)
    assert maps[1, 2].sum() == 0
    assert maps[0, 0].sum() > 0  # the corners are no clicks, the third point is
    assert maps[0, 0, :16].sum() == 0


def test_the_lite_prompt_encoder_shows_clicks_in_its_dense_embedding(lite_base):
    encoder = lite_base.sam_prompt_encoder
    points = (torch.tensor([[[96.0, 32.0]]]), torch.tensor([[1]]))
    nothing = (torch.zeros(1, 1, 2), torch.tensor([[-1]]))
    difference = encoder(points, None, None)[1] - encoder(nothing, None, None)[1]
    changed = difference.abs().amax((0, 1)) > 1e-6
    assert changed[1:3, 5:7].all()
    assert not changed[4:].any()
    assert not changed[:, :4].any()


def test_folded_batch_norms_compute_the_same_as_the_timm_network():
    """Golden values: the unfolded timm model with batch norms that have seen data."""
    torch.manual_seed(10)
    net = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4))
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.3, 0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.7, 1.5)
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
    net.eval()
    folded = fold_batch_norms(copy.deepcopy(net))
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in folded.modules())
    pictures = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        for expected, got in zip(net(pictures), folded(pictures), strict=True):
            assert expected.std() > 1e-3
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3 * float(expected.std()))


def test_the_trunk_takes_imagenet_weights_by_order_and_shape():
    """Golden values: timm's network with the same weights under its own names."""
    name = "tf_efficientnet_lite0"
    torch.manual_seed(11)
    full = timm.create_model(name)
    state = {f"other.{i}": value for i, value in enumerate(full.state_dict().values())}
    trunk = LiteTrunk(name)
    trunk.load_imagenet(name, state)
    net = timm.create_model(name, features_only=True, out_indices=(1, 2, 3, 4))
    net.load_state_dict(full.state_dict(), strict=False)
    pictures = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        for expected, got in zip(net.eval()(pictures), trunk(pictures), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3 * float(expected.std()))


def test_imagenet_weights_of_another_network_are_refused():
    state = timm.create_model("tf_efficientnet_lite2").state_dict()
    with pytest.raises(InputError, match="do not fit tf_efficientnet_lite0"):
        LiteTrunk("tf_efficientnet_lite0").load_imagenet("tf_efficientnet_lite0", state)


def test_a_lite_set_to_another_size_is_the_same_as_one_built_for_it(new_base, lite_config):
    base = new_base()
    set_image_size(base, 256)
    other = build_lite(dataclasses.replace(lite_config, image_size=256))
    other.load_state_dict(base.state_dict())
    pictures = torch.randn(1, 3, 256, 256)
    points = PointPrompts(torch.tensor([[[200.0, 60.0], [9.0, 250.0]]]), torch.tensor([[1, 0]]))
    mask = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        answers = [
            decode(model, encode(model, pictures)[0], torch.tensor([0]), points, mask)
            for model in (base, other)
        ]
    assert answers[0].best.shape == (1, 1, 64, 64)
    assert torch.equal(answers[0].best, answers[1].best)
    assert base.image_size == 256
    assert state_id(base) == state_id(other)


def test_a_width_or_size_the_model_cannot_have_is_refused():
    with pytest.raises(ValueError, match="multiple of 64, got 100"):
        LiteConfig(hidden_dim=100)
    with pytest.raises(ValueError, match="multiple of 32, got 500"):
        LiteConfig(image_size=500)


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory, tiny_base):
    """A folder with a file like the official one of tiny."""
    path = tmp_path_factory.mktemp("official") / "sam2.1_hiera_tiny.pt"
    torch.save({"model": tiny_base.state_dict()}, path)
    return path


def test_official_weights_load_from_the_folder_named_in_the_environment(
    tiny_file, tiny_base, monkeypatch
):
    monkeypatch.setenv("SAM2_WEIGHTS_DIR", str(tiny_file.parent))
    assert state_id(load_official("sam2.1-tiny")) == state_id(tiny_base)


def test_official_weights_load_from_a_file_whatever_the_environment_says(
    tiny_file, tiny_base, tmp_path, monkeypatch
):
    monkeypatch.setenv("SAM2_WEIGHTS_DIR", str(tmp_path / "nowhere"))
    loaded = load_official("sam2.1-tiny", tiny_file)
    assert state_id(loaded) == state_id(tiny_base)
    assert not loaded.training
    assert state_id(load_official("sam2.1-tiny", tiny_file.parent)) == state_id(tiny_base)


def test_the_weights_of_another_official_model_are_refused(tiny_file):
    with pytest.raises(InputError, match="does not hold the weights of sam2.1-small") as error:
        load_official("sam2.1-small", tiny_file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"], ids=["empty", "text", "zip"]
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="weights.pt does not hold the weights of sam2.1-tiny"):
        load_official("sam2.1-tiny", path)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "weights.pt"
    for content in ({"state": {}}, {"model": {}}, {"model": {"x": torch.zeros(1)}}, [1, 2]):
        torch.save(content, path)
        with pytest.raises(InputError, match="does not hold the weights of sam2.1-tiny"):
            load_official("sam2.1-tiny", path)


@pytest.mark.parametrize("function", [load_official, build_official])
def test_an_unknown_official_name_is_refused_with_the_known_ones(function):
    with pytest.raises(InputError, match="'sam3'.*sam2.1-tiny.*sam2.1-large"):
        function("sam3")


def test_a_missing_weights_file_is_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no weights file .*gone.pt for sam2.1-tiny"):
        load_official("sam2.1-tiny", tmp_path / "gone.pt")
    with pytest.raises(InputError, match="sam2.1_hiera_large.pt for sam2.1-large"):
        load_official("sam2.1-large", tmp_path)
    monkeypatch.setenv("SAM2_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(InputError, match="sam2.1_hiera_small.pt for sam2.1-small"):
        load_official("sam2.1-small")


def test_without_the_hub_the_message_says_what_to_do(monkeypatch):
    def offline(repo_id, filename):
        assert (repo_id, filename) == ("facebook/sam2.1-hiera-tiny", "sam2.1_hiera_tiny.pt")
        raise ConnectionError("Name or service not known")

    monkeypatch.delenv("SAM2_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(InputError) as error:
        load_official("sam2.1-tiny")
    for words in ("ConnectionError", "sam2.1_hiera_tiny.pt", "--weights", "SAM2_WEIGHTS_DIR"):
        assert words in str(error.value)
    assert "sam2-lite" in str(error.value)


def test_the_hub_gives_the_file_when_nothing_else_is_named(tiny_file, tiny_base, monkeypatch):
    monkeypatch.delenv("SAM2_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repo_id, filename: str(tiny_file))
    assert state_id(load_official("sam2.1-tiny")) == state_id(tiny_base)


def test_every_official_name_is_one_the_sam2_package_knows():
    assert set(OFFICIAL.values()) <= set(HF_MODEL_ID_TO_FILENAMES)
    assert all("sam2.1" in HF_MODEL_ID_TO_FILENAMES[name][1] for name in OFFICIAL.values())
