"""A run: its kinds of steps, exact resume, processes, pictures, and the judges it trains against."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.multiprocessing
from small import FOLDED, TINY, Rows

from portrait_training import mesh, sheets, tps, train
from portrait_training.adversary import Adversary
from portrait_training.equivariance import RandomSpline, equivariance
from portrait_training.losses import (
    Judges,
    empty,
    exact_flow,
    opened,
    pattern,
    regions,
    seen,
    share_of_warp,
    total,
    within,
)
from portrait_training.narrow import narrowed
from portrait_training.networks import view_poses
from portrait_training.parallel import average_gradients, join, leave
from portrait_training.presets import EYE_RINGS, INDICES, INNER_LIPS, PRESETS
from portrait_training.run import Run
from portrait_training.stream import Pool, Recipe, Sampler
from portrait_training.train import tensors


def make_run(seed: int, config=TINY, **options) -> Run:
    torch.manual_seed(seed)
    return Run(config, "cpu", 1e-3, **options)


def batch(n: int) -> dict:
    sampler, rng = Sampler(Rows(), Recipe(size=64, batch=2, reposed=0, rendered=0)), np.random.default_rng((0, n))
    items = [sampler(rng) for _ in range(2)]
    return tensors({k: np.stack([i[k] for i in items]) for k in items[0]}, "cpu")


def steps(run: Run, first: int, last: int, kind: str = "full", crop: int = 0, views: bool = False):
    for n in range(first, last):
        torch.manual_seed(n)
        run.update(total(run.net, Judges(adversary=run.adversary, adversary_weight=0.1), batch(n), kind, n, crop, views), 10)


@pytest.mark.parametrize("options", [{}, {"norm": False}, {"adversary": True}], ids=str)
def test_resume_is_exact(tmp_path, options):
    straight, broken = make_run(0, **options), make_run(0, **options)
    steps(straight, 0, 4, crop=32)
    steps(broken, 0, 2, crop=32)
    broken.save(tmp_path / "last.pt")
    again = make_run(5, **options)
    again.load(tmp_path / "last.pt")
    steps(again, 2, 4, crop=32)
    for a, b in zip(straight.ema.state_dict().values(), again.ema.state_dict().values()):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


@pytest.mark.parametrize("kind, moved", [("motion", {"nk", "merger", "dense_motion"}), ("paint", {"synthesis"})])
def test_a_kind_trains_its_own_networks(kind, moved):
    run = make_run(0, FOLDED)
    before = {k: v.clone() for k, v in run.net.named_parameters()}
    steps(run, 0, 2, kind)
    changed = {k.split(".")[0] for k, v in run.net.named_parameters() if not torch.equal(v, before[k])}
    assert changed == moved


def test_views_train_their_columns_only_when_given():
    columns = lambda run: run.net.synthesis.fusion.weight[:, 8:].abs().max().item()
    without, with_views = make_run(0), make_run(0)
    steps(without, 0, 1, "paint")
    steps(with_views, 0, 1, "paint", views=True)
    assert columns(without) == 0 and columns(with_views) > 0


def test_a_small_preset_learns_the_motion_of_its_teacher():
    teacher, run = make_run(3, TINY).net.eval(), make_run(0, FOLDED)
    losses = []
    for n in range(12):
        terms = total(run.net, Judges(teacher=teacher), batch(0), "motion", n)
        losses.append(terms["taught"].item())
        run.update({"taught": terms["taught"]}, 12)
    assert losses[-1] < 0.8 * losses[0]
    painted = total(run.net, Judges(teacher=teacher), batch(0), "paint", 0)
    assert set(painted) == {"out", "paint", "grid", "share", "opened", "still"}


def test_a_narrower_preset_begins_with_the_motion_of_a_wider_one():
    wide = make_run(3, TINY)
    steps(wide, 0, 2, "motion")
    net = wide.net.without_norm().eval()
    sample = [batch(n) for n in range(3)]
    alike = narrowed(net, TINY, sample).eval()
    with torch.no_grad():
        want, got = net.motion(sample[0]), alike.motion(sample[0])
    for key in ("kp_d", "free", "occlusion"):
        torch.testing.assert_close(got[key], want[key], atol=1e-3, rtol=0)
    slim = TINY | {"nk": {"input": 64, "widths": [2, 2, 4, 4]}, "dense_motion": {"stem": 2, "down": [4, 4]}}
    half = narrowed(net, slim, sample).eval()
    with torch.no_grad():
        assert half.motion(sample[0])["free"].isfinite().all()
    assert torch.equal(half.merger.fc[0].weight, net.merger.fc[0].weight)


def test_view_poses_turn_as_the_engine_does():
    face = torch.tensor([[[-0.5, 0, 0], [0.5, 0, 0], [0, 0, -0.3], [0, 0, 0.3]]])
    left, right = view_poses(face, 2)
    assert left[0, 2, 0] > 0.05 and right[0, 2, 0] < -0.05
    torch.testing.assert_close(left.mean(1), torch.zeros(1, 2), atol=1e-6, rtol=0)


def test_start_without_norm_is_the_same_function(tmp_path):
    first = make_run(0)
    steps(first, 0, 2)
    first.save(tmp_path / "last.pt")
    second = make_run(1, norm=False)
    second.start_from(tmp_path / "last.pt", 1.0)
    with torch.no_grad():
        want, got = first.ema.eval()(batch(0)), second.net.eval()(batch(0))
    torch.testing.assert_close(got["out"], want["out"], atol=1e-4, rtol=0)


def test_norm_that_is_put_back_is_the_same_function():
    run = make_run(0)
    steps(run, 0, 2)
    net = run.ema.without_norm().eval()
    with torch.no_grad():
        want = net(batch(5))
        got = net.with_norm([batch(n) for n in range(3)]).eval()(batch(5))
        for name in ("free", "occlusion", "out"):
            torch.testing.assert_close(got[name], want[name], atol=1e-4, rtol=0)
        assert any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
        folded = net.without_norm()(batch(5))
    torch.testing.assert_close(folded["out"], want["out"], atol=1e-4, rtol=0)


def test_samples_of_a_pool_are_made_once_and_are_the_same_in_every_run():
    made = []
    generator = lambda rng, views: made.append(rng.random()) or dict(value=made[-1])
    draw = lambda pool: [pool(np.random.default_rng(n), 0)["value"] for n in range(40)]
    first = draw(Pool(generator, 5))
    assert len(made) == len(set(first)) == 5
    assert first == draw(Pool(generator, 5))


def test_exact_flow_counts_only_what_is_known():
    sample = batch(0)
    known = dict(free=sample["flow"] + 0.1, flow=sample["flow"] + 0.1)
    assert exact_flow(known, sample | dict(flow_valid=torch.zeros(2, 1, 64, 64))) == 0
    everywhere = sample | dict(flow_valid=torch.ones(2, 1, 64, 64), dmask=torch.ones(2, 1, 64, 64))
    torch.testing.assert_close(exact_flow(known, everywhere), torch.tensor(0.2))
    right, wrong = (seen(torch.full((2, 1, 64, 64), p), everywhere) for p in (0.99, 0.5))
    assert right < 0.02 < wrong and seen(torch.full((2, 1, 64, 64), 0.5), sample | dict(flow_valid=torch.zeros(2, 1, 64, 64))) == 0


def test_empty_is_where_nobody_is_or_was():
    masks = torch.zeros(2, 1, 1, 64, 64)
    masks[0, ..., 30, 10], masks[1, ..., 30, 50] = 1, 1
    left = empty(dict(smask=masks[0], dmask=masks[1]), 64)
    assert left.sum() == 64 * 64 - 2 * 25 and (left[..., 28:33, 8:13] == 0).all() and (left[..., 28:33, 48:53] == 0).all()


def test_the_blend_learns_what_the_source_shows():
    valid = torch.ones(2, 1, 64, 64)
    valid[0, :, 20:30, 20:30] = 0
    valid[1] = 0  # a sample that knows nothing
    blend = torch.full((2, 1, 256, 256), 0.9, requires_grad=True)
    share_of_warp(blend, dict(flow_valid=valid)).backward()
    towards_paint = (blend.grad[0, 0] > 0).nonzero()
    assert blend.grad[1].abs().max() == 0 and towards_paint.min() >= 80 and towards_paint.max() < 120
    assert (blend.grad[0, 0, :70] < 0).all()


def test_mouths_that_open_are_painted():
    points = torch.zeros(3, 106, 2)
    angle = -torch.arange(8) * math.tau / 8 + math.pi  # from the left corner over the top
    ring = torch.stack([angle.cos(), -angle.sin()], 1)
    shut, ajar = ring * torch.tensor([0.2, 0.01]), ring * torch.tensor([0.2, 0.1])
    source, driver = points.clone(), points.clone()
    source[:, INNER_LIPS] = torch.stack([shut, shut, ajar])
    driver[:, INNER_LIPS] = torch.stack([ajar, shut, ajar])
    mask = opened(dict(label_s=source, label_d=driver), 64)
    assert mask[1:].sum() == 0  # nothing opens; what opens was open before
    y, x = mask[0, 0].nonzero().T
    assert 40 < len(x) < 70 and x.min() >= 25 and x.max() <= 38 and y.min() >= 28 and y.max() <= 35
    assert within(torch.full((3, 2, 64, 64), 0.5), mask).item() == pytest.approx(0.5, abs=0.01)
    assert within(torch.ones(3, 2, 64, 64), torch.zeros(3, 1, 64, 64)) == 0


def test_eyes_that_open_are_painted():
    points = torch.zeros(1, 106, 2)
    angle = -torch.arange(12) * math.tau / 12 + math.pi
    ring = torch.stack([angle.cos(), -angle.sin()], 1)
    for middle, eye in zip((-0.4, 0.4), EYE_RINGS):
        points[:, eye] = ring * torch.tensor([0.15, 0.05]) + torch.tensor([middle, -0.2])
    winks = points.clone()
    winks[:, EYE_RINGS[1], 1] = -0.2
    mask = opened(dict(label_s=winks, label_d=points), 64)
    y, x = mask[0, 0].nonzero().T
    assert 15 < len(x) < 35 and x.min() > 36 and x.max() < 52 and y.min() >= 22 and y.max() <= 28
    assert opened(dict(label_s=points, label_d=winks), 64).sum() == 0


def test_a_grid_is_seen_where_noise_and_shade_are_not():
    grid = torch.zeros(1, 3, 64, 64)
    grid[..., ::2, ::2] = 0.1
    noise = 0.1 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    shade = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    assert pattern(grid, 2) > 4 * pattern(noise, 2)
    assert pattern(grid, 2) > 4 * pattern(shade, 2)


def test_squares_stay_inside():
    torch.manual_seed(0)
    corners = regions(torch.rand(64, 108, 2) * 2 - 1, torch.rand(64, 1, 256, 256), 256, 128)
    assert corners.min() >= 0 and corners.max() <= 128


def test_frozen_mesh_is_the_one_of_the_engine():
    stored, _ = mesh.tensorfile.read(PRESETS.parent.parent / "tests/fixtures/mediapipe.safetensors")
    net = mesh.FaceMesh()
    for i in range(4):
        crop = torch.from_numpy(np.array(stored[f"mesh.{i}.input"])).permute(2, 0, 1)[None] / 255
        want = torch.from_numpy(np.array(stored[f"mesh.{i}.points"]))
        torch.testing.assert_close(net(crop)[0], want, atol=1e-3, rtol=0)


def test_mesh_crop_is_upright_and_holds_the_face():
    turn = torch.tensor([[0.8, 0.6], [-0.6, 0.8]])
    level = torch.zeros(1, len(INDICES), 2)
    level[0, INDICES.index(33)], level[0, INDICES.index(263)] = torch.tensor([-0.2, 0]), torch.tensor([0.2, 0])
    where = mesh.upright(level @ turn)[0]
    along = where[96, 191] - where[96, 0]
    torch.testing.assert_close(along / along.norm(), turn[0], atol=1e-4, rtol=0)


def test_landmark_distance_sees_a_shift():
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 32, 32), (256, 256), mode="bilinear")
    points, net, weight = torch.rand(1, 106, 2) - 0.5, mesh.FaceMesh(), torch.ones(106)
    same = mesh.landmark_distance(net, picture, picture, points, weight)
    moved = mesh.landmark_distance(net, picture.roll(6, 3), picture, points, weight)
    assert same < 1e-4 and moved > 0.05


def test_splines_move_keypoints_with_the_picture():
    torch.manual_seed(0)
    spline = RandomSpline(2)
    assert 0 < (spline(torch.zeros(2, 1, 2))).abs().max() < 0.5

    def brightest(picture):  # a keypoint detector that is equivariant: the centre of brightness
        at, weight = tps.grid(picture.shape[-1]), picture.mean(1)
        return torch.einsum("bhw,hwc->bc", weight, at)[:, None] / weight.sum((1, 2))[:, None, None]

    spot = torch.exp(-(tps.grid(128) - 0.1).square().sum(-1) / 0.005).expand(2, 3, -1, -1)
    assert equivariance(brightest, spot, brightest(spot)) < 0.01


def test_the_discriminator_learns():
    torch.manual_seed(0)
    adversary = Adversary("cpu", 1e-3)
    real, fake = torch.rand(4, 3, 32, 32), torch.full((4, 3, 32, 32), 0.5)
    first = adversary.learn(fake, real)
    for _ in range(20):
        last = adversary.learn(fake, real)
    assert last < 0.5 * first


def test_pictures_of_a_run(tmp_path):
    rows = [dict(step=25 * i, kind="full", out=1 / (i + 1), samples_per_second=5.0) for i in range(40)]
    (tmp_path / "empty.jsonl").write_text("")
    sheets.curves(tmp_path / "empty.jsonl", tmp_path / "nothing.png")
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sheets.curves(tmp_path / "log.jsonl", tmp_path / "curves.png")
    run = make_run(0)
    sheets.sheet(run.ema, batch(0), tmp_path / "sheet.png")
    picture = sheets.cv2.imread(str(tmp_path / "sheet.png"))
    assert picture.shape == (6 * 64, 2 * 64, 3) and picture.std() > 1
    assert sheets.cv2.imread(str(tmp_path / "curves.png")).min() == 0


def _process(rank: int, path: str, results):
    import os

    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}
    join()
    net = torch.nn.Linear(2, 1)
    torch.nn.init.ones_(net.weight)
    (net(torch.full((1, 2), float(rank)))).sum().backward()
    average_gradients(net)
    results[rank] = net.weight.grad
    leave()


def test_processes_share_their_gradients(tmp_path):
    results = torch.zeros(2, 1, 2).share_memory_()
    torch.multiprocessing.spawn(_process, (str(tmp_path), results), 2)
    torch.testing.assert_close(results, torch.full((2, 1, 2), 0.5))


@dataclass(frozen=True)
class Clips(Recipe):
    """Nothing generated."""

    rendered: float = 0.0


def test_the_command_trains_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "preset", lambda name: TINY)
    monkeypatch.setattr(train, "Cache", lambda path: Rows())
    monkeypatch.setattr(train, "Recipe", Clips)
    monkeypatch.setattr(train, "Perceptual", lambda path, dtype: torch.nn.Module())
    command = ["train", "--cache", "x", "--vgg", "x", "--out", str(tmp_path), "--reposed", "0", "--sheet-every", "0", "--threads", "1"]
    step = lambda: torch.load(tmp_path / "last.pt", weights_only=False)["step"]
    monkeypatch.setattr("sys.argv", [*command, "--phase", "motion:64:2:2"])
    train.main()
    assert step() == 2
    monkeypatch.setattr("sys.argv", [*command, "--phase", "motion:64:2:3", "--resume"])
    train.main()
    assert step() == 3
