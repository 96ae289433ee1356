"""Quick checks of the parts that fail silently: geometry, folding, reproducible batches."""

import numpy as np
import pytest
import torch

from portrait_training import lids, tps
from portrait_training.export import fold
from portrait_training.folded import Folded, hull_area
from portrait_training.losses import crops, landmark_flow
from portrait_training.networks import Portrait
from portrait_training.prepare import fill_background
from portrait_training.presets import BASE40, EVALUATION_CLIPS, EYES, INDICES, MIRROR, PRESETS, preset
from portrait_training.stream import Recipe, Sampler, thin_plate_map
from portrait_training.run import learning_rate
from portrait_training.train import Phase

from small import FOLDED, TINY, Rows


def test_thin_plate_golden_vector():
    driver = torch.tensor([[-0.5, -0.5], [0.5, -0.4], [0, 0.1], [-0.3, 0.6], [0.4, 0.5]])[None]
    source = torch.tensor([[-0.45, -0.52], [0.55, -0.38], [0.05, 0.12], [-0.25, 0.55], [0.42, 0.56]])[None]
    at = torch.tensor([[[0.0, 0], [-1, -1], [1, 1], [0.25, -0.75]]])
    want = torch.tensor([[0.051188, 0.019743], [-0.965151, -1.08817], [1.017649, 1.125464], [0.307054, -0.751976]])
    got = tps.evaluate(tps.solve(driver, source, 1, 0.01), driver, at)[0, 0, 0]
    torch.testing.assert_close(got, want, atol=2e-5, rtol=0)


def test_thin_plate_map_carries_points():
    rng = np.random.default_rng(0)
    driver, source = rng.uniform(-0.8, 0.8, (2, 12, 2))
    where = torch.from_numpy(thin_plate_map(driver, source, 256)).permute(2, 0, 1)[None]
    read = torch.nn.functional.grid_sample(where, torch.from_numpy(driver).float()[None, None], align_corners=True)[0, :, 0].T
    assert np.abs(read.numpy() - source).max() < 5e-3


def test_pins_lead_the_flow_to_the_points_and_nowhere_else():
    rng = np.random.default_rng(2)
    driver = torch.from_numpy(rng.uniform(-0.3, 0.3, (1, 20, 2))).float()
    source = driver + 0.05
    flow = tps.grid(64).permute(2, 0, 1)[None]
    pinned = tps.pin(flow, source, driver, 0.02, 0.02)
    miss = lambda f: (torch.nn.functional.grid_sample(f, driver[:, None], align_corners=True)[:, :, 0].mT - source).abs().mean()
    assert miss(pinned) < 0.2 * miss(flow)
    torch.testing.assert_close(pinned[..., :10, :], flow[..., :10, :], atol=1e-6, rtol=0)


def test_facial_points():
    assert len(set(INDICES)) == len(MIRROR) == 106 and len(BASE40) == 40
    assert [MIRROR[m] for m in MIRROR] == list(range(106))


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.toml")), ids=lambda p: p.stem)
def test_presets_reach_an_even_bottleneck(path):
    config = preset(path.stem)
    assert config["name"] == path.stem
    synthesis = config["synthesis"]
    assert config["image"] % (synthesis.get("fold", 1) * 2 ** len(synthesis["down"])) == 0
    assert config["keypoints"]["tps"] * config["keypoints"]["points"] == config["keypoints"]["neural"]


@pytest.mark.parametrize("config", [TINY, FOLDED], ids=["full", "folded"])
def test_exported_path_is_the_network(config):
    torch.manual_seed(0)
    net = Portrait(config)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    net.eval()
    folded = Folded({k: v.numpy() for k, v in fold(net).items()}, config)
    photo, mask = torch.rand(1, 3, 128, 128), torch.rand(1, 1, 128, 128)
    facial, moved = torch.rand(2, 1, 106, 2) - 0.5
    with torch.no_grad():
        kp_s, kp_d = (net.merger(f, net.nk(photo)) for f in (facial, moved))
        torch.testing.assert_close(folded.merge(facial, folded.neural_keypoints(photo)), kp_s, atol=1e-5, rtol=0)
        o = net.flow(photo, mask, (facial, moved), kp_s, kp_d)
        want = o | net.synthesis(o["warped"], o["occlusion_full"], photo, o["person"])
        got = folded.frame(photo, mask, photo, facial, kp_s, kp_d, moved)
    for key in ("flow", "out"):
        torch.testing.assert_close(got[key], want[key], atol=1e-4, rtol=0)


def test_fold_halves_the_synthesis_network():
    net = Portrait(preset("fast")).synthesis
    assert net.unet.stem[0].weight.shape == (24, 32, 3, 3) and net.head.weight.shape == (16, 48, 3, 3)


def test_identity_flow_has_no_landmark_error():
    points = torch.rand(2, 106, 2) - 0.5
    flow = tps.grid(64).permute(2, 0, 1).expand(2, -1, -1, -1)
    assert landmark_flow(flow, points, points) < 1e-5
    assert landmark_flow(flow, points, points + 0.1) > 0.19


def test_crops_are_pixel_for_pixel():
    where = crops(torch.zeros(1, 106, 2), 256, 64)
    assert where.shape == (2, 64, 64, 2)
    assert abs((where[0, 0, 1, 0] - where[0, 0, 0, 0]).item() - 2 / 255) < 1e-6


def test_lid_correction_follows_the_face():
    rng = np.random.default_rng(0)
    v1 = rng.normal(0, 0.3, (400, 106, 2))
    v1[:, [lids.RIGHT, lids.LEFT]] = [[-0.3, 0], [0.3, 0]]
    v2 = v1.copy()
    v2[:, EYES] *= (1, 1.5)
    weight, bias = lids.fit(v1, v2, np.ones(400), 1e-6)
    turn = 2 * np.array([[0.8, -0.6], [0.6, 0.8]])
    np.testing.assert_allclose(lids.correct(v1 @ turn.T + 5, weight, bias), v2 @ turn.T + 5, atol=1e-4)


def test_hull_area():
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]])
    assert hull_area(square) == 1


def test_background_is_kept_where_nobody_stands():
    image = np.full((256, 256, 3), 90, np.uint8)
    person = np.zeros((256, 256), np.uint8)
    person[80:, 80:180] = 255
    image[80:, 80:180] = 250
    filled = fill_background(image, person)
    assert np.abs(filled.astype(int) - 90).max() <= 1


def test_batches_repeat_and_never_show_evaluation_clips():
    sampler = Sampler(Rows(), Recipe(size=64, batch=2, reposed=0, rendered=0, views=2))
    a, b = (sampler(np.random.default_rng((0, 7))) for _ in range(2))
    assert all((a[k] == b[k]).all() for k in a)
    assert len(sampler.rows) == 2 and all(EVALUATION_CLIPS[0] != Rows().clip[r].max() for r in sampler.rows)


def test_flip_keeps_points_on_their_pixels():
    rows = Rows()
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    rows.frames[:] = ramp[..., None]
    sampler = Sampler(rows, Recipe(size=256, reposed=0, rendered=0))
    for seed in range(6):
        item = sampler(np.random.default_rng(seed))
        inside = np.abs(item["label_s"]).max(1) < 0.9
        px = ((item["label_s"][inside] + 1) * 127.5).round().astype(int)
        s = [r for r in range(len(rows.clip)) if rows.clip[r] in (0, 1)]
        errors = []
        for row in s:
            x = (rows.fk_v2[row][:, 0] + 1) * 127.5
            for order in (slice(None), MIRROR):
                errors.append(np.abs(item["src"][px[:, 1], px[:, 0], 0] - x[order][inside]).mean())
        assert min(errors) < 2.5


def test_schedule_and_phases():
    rates = [learning_rate(s, 1000, 1.0) for s in range(1000)]
    assert rates[0] < 0.1 and rates[500] == 1 and rates[-1] <= 0.02
    assert Phase.parse("full:256:8:10") == Phase("full", 256, 8, 10)
    assert Phase.parse("paint:256:8:10:128").crop == 128
    with pytest.raises(Exception, match="motion"):
        Phase.parse("half:256:8:10")
