"""SAM2Refiner's three modules: shapes, sizes, and that an untrained one is SAM2."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from refiner.config import RefinerConfig
from refiner.network.base_model import PointPrompts, encode
from refiner.network.checkpoint import state_id
from refiner.network.decoding import decode
from refiner.network.mask_refinement import MaskRefinement, RefinerFeatures
from refiner.network.quarters import local_features, picture_to_cut
from refiner.network.sam2refiner import (
    LocalizationAugment,
    PromptRetargeting,
    ReceptiveFieldBlock,
    SAM2Refiner,
    grown,
)

ONE = torch.zeros(1, dtype=torch.int64)


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("name", "c", "s"), [("tiny_run", 256, 1024), ("lite_run", 128, 512)])
def test_tensors_have_the_shapes_of_the_paper(name, c, s, request):
    run = request.getfixturevalue(name)
    h = s // 16
    assert [level.shape[1:] for level in run.fpn] == [
        (c, 4 * h, 4 * h),
        (c, 2 * h, 2 * h),
        (c, h, h),
    ]
    assert run.features.high_res[0].shape == (1, c // 8, 4 * h, 4 * h)
    assert run.features.high_res[1].shape == (1, c // 4, 2 * h, 2 * h)
    assert run.features.g.shape == (1, c, h, h)
    assert [level.shape for level in run.local] == [
        (1, c // 8, 8 * h, 8 * h),
        (1, c // 4, 4 * h, 4 * h),
        (1, c, 2 * h, 2 * h),
    ]
    assert run.prepared.g.shape == (1, c, h, h)
    assert [level.shape[1:] for level in run.prepared.levels] == [
        (128, h, h),
        (64, 2 * h, 2 * h),
        (48, 4 * h, 4 * h),
    ]
    assert run.prepared.fine.shape == (1, 32, s // 2, s // 2)
    assert run.prepared.low_level.shape == (1, 8, s, s)
    assert run.decoded.masks.shape == (1, 3, 4 * h, 4 * h)
    assert run.decoded.ious.shape == (1, 3)
    assert run.decoded.best.shape == (1, 1, 4 * h, 4 * h)
    assert run.decoded.best_iou.shape == (1,)
    assert run.decoded.object_score.shape == (1, 1)
    assert run.decoded.tokens.shape == (1, 1 + 1 + 4 + 2, c)  # object, IoU, masks, point and pad
    assert run.decoded.embedding.shape == (1, c, h, h)
    assert run.output.logits.shape == (1, 1, s, s)
    assert [logits.shape for logits in run.output.intermediate] == [
        (1, 1, h, h),
        (1, 1, 2 * h, 2 * h),
        (1, 1, 4 * h, 4 * h),
    ]


def test_localization_augment_attends_to_three_grids_of_the_quarters():
    """At the official size 64² + 32² + 16² = 5376 keys."""
    seen = []
    with torch.device("meta"):
        augment = LocalizationAugment(RefinerConfig(256, 1024))
        augment.attention.forward = lambda q, k, v: seen.append((q.shape, k.shape, v.shape)) or q
        pe_layer = lambda size: torch.zeros(256, *size)  # noqa: E731
        augment(torch.zeros(1, 256, 64, 64), torch.zeros(1, 256, 128, 128), pe_layer)
    assert seen == [((1, 4096, 256), (1, 5376, 256), (1, 5376, 256))]


def test_half_size_quarters_are_seen_on_the_same_three_grids():
    seen = []
    with torch.device("meta"):
        augment = LocalizationAugment(RefinerConfig(256, 1024, quarters="half"))
        augment.attention.forward = lambda q, k, v: seen.append(k.shape) or q
        pe_layer = lambda size: torch.zeros(256, *size)  # noqa: E731
        augment(torch.zeros(1, 256, 64, 64), torch.zeros(1, 256, 64, 64), pe_layer)
    assert seen == [(1, 5376, 256)]


def test_quarters_are_cut_from_what_was_chosen():
    whole, doubled = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 64, 64)
    assert picture_to_cut("source", whole, doubled) is doubled
    assert picture_to_cut("half", whole, doubled) is whole
    resized = picture_to_cut("resized", whole, doubled)
    assert resized.shape == doubled.shape
    torch.testing.assert_close(F.avg_pool2d(resized, 2).mean(), whole.mean(), atol=0.02, rtol=0)


def test_modules_have_the_sizes_of_the_paper_at_256_channels():
    with torch.device("meta"):
        refiner = SAM2Refiner(RefinerConfig(256, 1024))
    assert parameters(refiner.localization_augment) == pytest.approx(0.53e6, rel=0.02)
    assert parameters(refiner.prompt_retargeting) == pytest.approx(1.89e6, rel=0.02)
    assert parameters(refiner.mask_refinement) == pytest.approx(0.90e6, rel=0.02)
    assert parameters(refiner) == pytest.approx(3.32e6, rel=0.02)


def answer(base, refiner, pictures, points, index=ONE, masks=None):
    with torch.inference_mode():
        features, fpn = encode(base, pictures)
        local = local_features(base, pictures.repeat_interleave(2, 2).repeat_interleave(2, 3))
        prepared = refiner.prepare(base, features.g, fpn, pictures, local)
        output = refiner(base, features, prepared, index, points, masks)
        plain = decode(base, features, index, points, masks)
    return output, plain, features, prepared


CLICK = PointPrompts(torch.tensor([[[40.0, 90.0]]]), torch.tensor([[1]]))
BOX = PointPrompts(torch.tensor([[[20.0, 30.0], [90.0, 100.0]]]), torch.tensor([[2, 3]]))


@pytest.mark.parametrize("points", [CLICK, BOX, None], ids=["click", "box", "mask"])
def test_an_untrained_refiner_gives_sam2s_own_mask(lite_base, new_refiner, points):
    torch.manual_seed(0)
    pictures = torch.randn(1, 3, 128, 128)
    masks = torch.randn(1, 1, 32, 32) if points is None else None
    output, plain, features, prepared = answer(
        lite_base, new_refiner(trained=False), pictures, points, masks=masks
    )
    assert torch.equal(prepared.g, features.g)
    upsampled = F.interpolate(plain.best, (128, 128), mode="bilinear", align_corners=False)
    assert torch.equal(output.logits, upsampled)
    assert torch.equal(output.decoded.best, plain.best)
    assert upsampled.std() > 0.1


def test_a_trained_refiner_gives_another_mask(lite_base, new_refiner):
    output, plain, features, prepared = answer(
        lite_base, new_refiner(), torch.randn(1, 3, 128, 128), CLICK
    )
    upsampled = F.interpolate(plain.best, (128, 128), mode="bilinear", align_corners=False)
    assert (output.logits - upsampled).abs().max() > 0.1
    assert (prepared.g - features.g).abs().max() > 0.01


@pytest.mark.parametrize("part", ["localization_augment.gate", "mask_refinement.output.1.weight"])
def test_each_closed_gate_opens_by_itself(lite_base, new_refiner, part):
    refiner = new_refiner(trained=False)
    with torch.no_grad():
        refiner.get_parameter(part).normal_()
    output, plain, _, _ = answer(lite_base, refiner, torch.randn(1, 3, 128, 128), CLICK)
    upsampled = F.interpolate(plain.best, (128, 128), mode="bilinear", align_corners=False)
    assert (output.logits - upsampled).abs().max() > 1e-3


def test_each_object_of_a_batch_is_refined_on_its_own_picture(lite_base, new_refiner):
    torch.manual_seed(0)
    pictures, refiner = torch.randn(2, 3, 128, 128), new_refiner()
    points = PointPrompts(CLICK.coords.repeat(3, 1, 1), CLICK.labels.repeat(3, 1))
    together = answer(lite_base, refiner, pictures, points, torch.tensor([1, 0, 1]))[0].logits
    for row, number in enumerate((1, 0, 1)):
        alone = answer(lite_base, refiner, pictures[number : number + 1], CLICK)[0].logits
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-4, rtol=1e-4)
    assert (together[0] - together[1]).abs().max() > 0.1


def stub():
    """A base whose features are the picture averaged over 4 x 4, 8 x 8 and 16 x 16 pixels."""
    return SimpleNamespace(
        image_encoder=lambda images: {
            "backbone_fpn": [F.avg_pool2d(images, side) for side in (4, 8, 16)]
        },
        sam_mask_decoder=SimpleNamespace(conv_s0=nn.Identity(), conv_s1=nn.Identity()),
        directly_add_no_mem_embed=False,
    )


def test_the_quarters_features_come_back_to_their_places():
    torch.manual_seed(0)
    doubled = torch.randn(3, 3, 128, 128)
    for level, side in zip(local_features(stub(), doubled), (4, 8, 16), strict=True):
        torch.testing.assert_close(level, F.avg_pool2d(doubled, side))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_quarter_of_the_picture_changes_its_quarter_of_l_only(lite_base, row, column):
    torch.manual_seed(0)
    doubled = torch.zeros(2, 3, 256, 256)
    plain = local_features(lite_base, doubled)[2]
    doubled[1, :, 128 * row : 128 * row + 128, 128 * column : 128 * column + 128] = torch.randn(
        3, 128, 128
    )
    changed = (local_features(lite_base, doubled)[2] - plain).abs().amax(1) > 1e-4
    expected = torch.zeros(2, 16, 16, dtype=torch.bool)
    expected[1, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = True
    assert not (changed & ~expected).any()
    assert changed[expected].float().mean() > 0.9


def test_a_closed_gate_leaves_the_global_feature_as_it_is(lite_base):
    augment = LocalizationAugment(RefinerConfig(64, 128))
    g, local = torch.randn(2, 64, 8, 8), torch.randn(2, 64, 16, 16)
    pe_layer = lite_base.sam_prompt_encoder.pe_layer
    assert torch.equal(augment(g, local, pe_layer), g)
    nn.init.ones_(augment.gate)
    update = augment(g, local, pe_layer) - g
    torch.testing.assert_close(  # the gate's input is a LayerNorm's output
        update.std(1, unbiased=False), torch.ones(2, 8, 8), rtol=1e-3, atol=1e-3
    )


def test_localization_augment_knows_where_a_feature_is(lite_base):
    """The grids share one encoding: a mirrored picture gives the mirrored feature only with it."""
    torch.manual_seed(0)
    augment = LocalizationAugment(RefinerConfig(64, 128))
    nn.init.ones_(augment.gate)
    g, local = torch.randn(1, 64, 8, 8), torch.randn(1, 64, 16, 16)
    pe_layer = lite_base.sam_prompt_encoder.pe_layer
    nowhere = lambda size: torch.zeros(64, *size)  # noqa: E731
    shuffled = local.flip(3)
    torch.testing.assert_close(
        augment(g, local, nowhere), augment(g, shuffled, nowhere), atol=1e-5, rtol=1e-5
    )
    assert (augment(g, local, pe_layer) - augment(g, shuffled, pe_layer)).abs().max() > 1e-3


def test_the_receptive_field_block_starts_as_the_identity(shake):
    torch.manual_seed(0)
    block, embedding = ReceptiveFieldBlock(64), torch.randn(2, 64, 8, 8)
    torch.testing.assert_close(block(embedding), embedding)
    shake(block, 0)
    assert block(embedding).shape == embedding.shape
    assert (block(embedding) - embedding).abs().max() > 0.01


def test_the_receptive_field_block_sees_seven_pixels_each_way():
    torch.manual_seed(0)
    block = ReceptiveFieldBlock(64)
    nn.init.normal_(block.fuse.weight)
    embedding = torch.zeros(1, 64, 15, 15)
    spot = embedding.clone()
    spot[..., 7, 7] = 1
    reached = (block(spot) - block(embedding)).abs().amax((0, 1)) > 0
    expected = torch.zeros(15, 15, dtype=torch.bool)
    expected[4:11, 4:11] = True
    assert torch.equal(reached, expected)


def retarget(lite_base, points, best=None):
    torch.manual_seed(0)
    features, _ = encode(lite_base, torch.randn(1, 3, 128, 128))
    decoded = decode(lite_base, features, ONE, CLICK)
    if best is not None:
        decoded = SimpleNamespace(tokens=decoded.tokens, embedding=decoded.embedding, best=best)
    torch.manual_seed(1)
    module = PromptRetargeting(RefinerConfig(64, 128)).eval()
    return module(decoded, points, lite_base.sam_prompt_encoder.get_dense_pe())


def test_prompt_retargeting_sees_clicks_and_their_sign_and_no_boxes(lite_base):
    negative = PointPrompts(CLICK.coords, torch.tensor([[0]]))
    positive, other, box, nothing = (
        retarget(lite_base, points) for points in (CLICK, negative, BOX, None)
    )
    assert positive.shape == (1, 64, 8, 8)
    assert (positive - nothing).abs().max() > 1e-3
    assert (positive - other).abs().max() > 1e-3
    assert torch.equal(box, nothing)


def test_prompt_retargeting_sees_the_base_mask(lite_base):
    low, high = (torch.full((1, 1, 32, 32), value) for value in (-8.0, 8.0))
    assert (retarget(lite_base, None, low) - retarget(lite_base, None, high)).abs().max() > 1e-3


def test_mask_refinement_starts_at_zero_with_heads_that_learn(lite_run):
    torch.manual_seed(0)
    module = MaskRefinement(RefinerConfig(128, 512))
    with torch.inference_mode():
        levels, fine = module.project(lite_run.fpn, lite_run.local)
        prepared = RefinerFeatures(
            lite_run.prepared.g, levels, fine, module.low_level(lite_run.picture)
        )
        correction = module(lite_run.decoded.embedding, lite_run.decoded, prepared, ONE)
    assert correction.logits.shape == (1, 1, 512, 512)
    assert not correction.logits.any()
    assert all(head.std() > 0 for head in correction.intermediate)


def quarters(side=16):
    """Random maps of the quarters of a picture at C = 64; L has that side."""
    return tuple(
        torch.randn(1, width, share * side, share * side)
        for width, share in ((8, 4), (16, 2), (64, 1))
    )


def test_the_quarters_reach_mask_refinement_unless_it_is_the_papers(lite_base):
    torch.manual_seed(0)
    pictures = torch.randn(1, 3, 128, 128)
    features, fpn = encode(lite_base, pictures)
    for skips in (True, False):
        refiner = SAM2Refiner(RefinerConfig(64, 128, skips=skips)).eval()
        one, other, small = (
            refiner.prepare(lite_base, features.g, fpn, pictures, local)
            for local in (quarters(), quarters(), quarters(8))
        )
        same = [torch.equal(a, b) for a, b in zip(one.levels, other.levels, strict=True)]
        assert same == [True, not skips, not skips]
        assert [level.shape for level in small.levels] == [level.shape for level in one.levels]
        if skips:
            assert not torch.equal(one.fine, other.fine)
            assert small.fine.shape == one.fine.shape == (1, 32, 64, 64)
        else:
            assert one.fine is None
    assert not RefinerConfig(64, 128, modules=("pr", "mr")).skips


@pytest.mark.parametrize("skips", [True, False])
def test_mask_refinement_sees_the_bases_mask_unless_it_is_the_papers(lite_run, skips):
    torch.manual_seed(0)
    module = MaskRefinement(RefinerConfig(128, 512, skips=skips)).eval()
    decoded = lite_run.decoded
    with torch.inference_mode():
        levels, fine = module.project(lite_run.fpn, lite_run.local)
        prepared = RefinerFeatures(
            lite_run.prepared.g, levels, fine, module.low_level(lite_run.picture)
        )
        for other in (
            replace(decoded, best=-decoded.best),
            replace(decoded, upscaled=-decoded.upscaled),
        ):
            heads = [
                module(decoded.embedding, one, prepared, ONE).intermediate
                for one in (decoded, other)
            ]
            assert torch.equal(heads[0][1], heads[1][1])
            assert torch.equal(heads[0][2], heads[1][2]) != skips


def gated_answers(lite_base, new_refiner, **changes):
    """Answer one click with a refiner, and with one of its weights that has a gate."""
    torch.manual_seed(0)
    pictures = torch.randn(1, 3, 128, 128)
    ungated = new_refiner()
    gated = SAM2Refiner(RefinerConfig(64, 128, gate=True)).eval()
    gated.load_state_dict({**gated.state_dict(), **ungated.state_dict()})
    with torch.inference_mode():
        for name, value in changes.items():
            gated.get_parameter(f"mask_refinement.{name}").fill_(value)
        features, fpn = encode(lite_base, pictures)
        local = quarters()
        answers = []
        for one in (ungated, gated):
            prepared = one.prepare(lite_base, features.g, fpn, pictures, local)
            answers.append(one(lite_base, features, prepared, ONE, CLICK).logits)
        plain = decode(lite_base, features, ONE, CLICK).best
    return plain, *answers


def test_a_gate_that_is_open_changes_nothing_and_one_that_is_shut_leaves_sam2s_mask(
    lite_base, new_refiner
):
    plain, without, fresh = gated_answers(lite_base, new_refiner)
    kept = grown(plain, lite_base)
    assert (without - kept).abs().max() > 1e-2
    torch.testing.assert_close(fresh, kept + 0.9526 * (without - kept), rtol=1e-3, atol=1e-4)
    _, _, open_ = gated_answers(lite_base, new_refiner, **{"gate.bias": 30.0})
    torch.testing.assert_close(open_, without)
    _, _, shut = gated_answers(lite_base, new_refiner, **{"gate.bias": -30.0})
    torch.testing.assert_close(shut, kept)


def test_a_gated_refiner_sees_sam2s_own_mask(lite_base, new_refiner):
    _, _, blind = gated_answers(lite_base, new_refiner)
    _, _, seeing = gated_answers(lite_base, new_refiner, **{"plain.weight": 1.0})
    assert (blind - seeing).abs().max() > 1e-4
    assert not RefinerConfig(64, 128, modules=("la", "pr"), gate=True).gate


def test_the_picture_itself_reaches_single_pixels_of_the_answer(lite_base, new_refiner):
    torch.manual_seed(0)
    pictures = torch.randn(1, 3, 128, 128)
    refiner = new_refiner()
    with torch.inference_mode():
        features, fpn = encode(lite_base, pictures)
        local = quarters()
        spotted = pictures.clone()
        spotted[..., 64, 32] += 3
        plain, changed = (
            refiner(
                lite_base,
                features,
                refiner.prepare(lite_base, features.g, fpn, image, local),
                ONE,
                CLICK,
            ).logits[0, 0]
            for image in (pictures, spotted)
        )
    moved = ((plain - changed).abs() > 1e-6).nonzero()
    assert len(moved) > 0
    assert ((moved - torch.tensor([64, 32])).abs() <= 3).all()


def test_training_steps_of_the_refiner_leave_the_base_alone(new_base, new_refiner):
    base, refiner = new_base(), new_refiner()
    before, own = state_id(base), state_id(refiner)
    optimizer = torch.optim.SGD(refiner.parameters(), lr=0.1)
    for _ in range(3):
        pictures = torch.randn(1, 3, 128, 128)
        with torch.no_grad():
            features, fpn = encode(base, pictures)
            local = local_features(base, torch.randn(1, 3, 256, 256))
        prepared = refiner.prepare(base, features.g, fpn, pictures, local)
        output = refiner(base, features, prepared, ONE, CLICK)
        optimizer.zero_grad()
        loss = output.logits.abs().mean() + sum(x.abs().mean() for x in output.intermediate)
        loss.backward()
        optimizer.step()
    assert state_id(base) == before
    assert state_id(refiner) != own
    assert all(parameter.grad is None for parameter in base.parameters())
    silent = {name for name, p in refiner.named_parameters() if p.grad is None}
    # the last norm of the tokens feeds only the tokens that nobody reads
    assert all("localization" not in name and "mask_refinement" not in name for name in silent)
