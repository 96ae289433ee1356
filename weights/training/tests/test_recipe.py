"""Quick checks of the parts that fail silently: geometry, folding, reproducible batches."""

import numpy as np
import pytest
import torch
from small import FOLDED, TINY, Rows

from portrait_training import refine, refine_data, tps
from portrait_training.evaluate import gaze_error
from portrait_training.export import fold, load, stored, tensorfile
from portrait_training.folded import INNER_LIPS, LOWER_LIDS, UPPER_LIDS, Folded, hull_area, transfer
from portrait_training.losses import crops, landmark_flow
from portrait_training.networks import Portrait
from portrait_training.pins import LIPS, pin
from portrait_training.prepare import fill_background
from portrait_training.presets import BASE40, EVALUATION_CLIPS, EYES, INDICES, MIRROR, PINS, PRESETS, preset
from portrait_training.rows import part
from portrait_training.run import Run, learning_rate
from portrait_training.stream import Recipe, Sampler, thin_plate_map
from portrait_training.train import Phase


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


def pins(opening: float, mouth: float = 0.04) -> torch.Tensor:
    """Pins (1, 46, 2) of a face whose eyes and mouth are open by `opening` and `mouth` in the middle."""
    out = torch.zeros(1, 46, 2)
    for side, start in ((-1, 0), (1, 1)):
        out[0, start], out[0, start + 2] = torch.tensor([side * 0.4, 0]), torch.tensor([side * 0.16, 0])
        for k in range(5):
            x, half = side * (0.36 - 0.04 * k), opening / 2 * (1 - abs(k - 2) / 4)
            out[0, 4 + 2 * k + start], out[0, 14 + 2 * k + start] = torch.tensor([x, -half]), torch.tensor([x, half])
        out[0, 44 + start] = torch.tensor([side * 0.28, 0])
    for rim, thick in zip(LIPS, (-0.05, 0, 0, 0.05)):
        sign = -1 if rim in LIPS[:2] else 1
        for k, i in enumerate(rim):
            arch = max(0, 1 - (k - 3) ** 2 / (9 if thick else 4))
            out[0, i] = torch.tensor([0.07 * (k - 3), 0.5 + arch * (sign * mouth / 2 + thick)])
    return out


def test_pins_lead_the_flow_to_the_points_and_nowhere_else():
    driver = pins(0.12)
    source, flow = driver + 0.05, tps.grid(64).permute(2, 0, 1)[None]
    corrected = pin(flow, 64, source, driver, 0.02, 0.02)
    read = torch.nn.functional.grid_sample(corrected, driver[:, None], align_corners=True)[:, :, 0].mT
    assert (read - source)[:, :24].abs().max() < 0.01 and (read - source).abs().mean() < 0.01
    torch.testing.assert_close(corrected[..., :20, :], flow[..., :20, :], atol=1e-6, rtol=0)


def test_lids_and_lips_act_between_their_points_as_at_them():
    driver, flow = pins(0.12, 0.1), tps.grid(256).permute(2, 0, 1)[None]
    source = pins(0.06, 0.05)
    corrected = pin(flow, 256, source, driver, 0.02, 0.02)
    for a, b in ((8, 10), LIPS[0][2:4], LIPS[1][2:4], LIPS[2][3:5]):
        middle = lambda x, a=a, b=b: (x[:, a] + x[:, b]) / 2
        read = torch.nn.functional.grid_sample(corrected, middle(driver)[:, None, None], align_corners=True)[:, :, 0, 0]
        torch.testing.assert_close(read, middle(source), atol=4e-3, rtol=0)


def test_lips_that_meet_show_no_teeth():
    flow = pin(tps.grid(256).permute(2, 0, 1)[None], 256, pins(0.12, 0.1), pins(0.12, 0), 0.02, 0.02)
    above, below = (round((0.5 + y + 1) / 2 * 255) for y in (-0.01, 0.01))
    assert flow[0, 1, above, 127] < 0.455 and flow[0, 1, below, 127] > 0.545


def test_closed_lids_show_skin_on_both_sides():
    flow = pin(tps.grid(64).permute(2, 0, 1)[None], 64, pins(0.12), pins(0), 0.02, 0.02)
    assert (flow[0, 1, 31, [23, 40]] < -0.06).all() and (flow[0, 1, 32, [23, 40]] > 0.06).all()


@pytest.mark.parametrize("opening", [0.0, 0.02, 0.06])
def test_the_skin_of_a_closing_eye_is_not_folded(opening):
    """Down across each half of the eye the flow goes on reading further down."""
    flow = pin(tps.grid(256).permute(2, 0, 1)[None], 256, pins(0.15), pins(opening), 0.02, 0.02)
    column = flow[0, 1, :, 91]
    assert (column[1:127] - column[:126]).min() > 0 and (column[130:] - column[129:-1]).min() > 0


def test_facial_points():
    assert len(set(INDICES)) == len(MIRROR) == 106 and len(BASE40) == 40
    assert [MIRROR[m] for m in MIRROR] == list(range(106))
    rims = [[INDICES[PINS[i]] for i in rim] for rim in LIPS]
    assert rims[:2] == [[61, 40, 37, 0, 267, 270, 291], [61, 78, 81, 13, 311, 308, 291]]
    assert rims[2:] == [[61, 78, 178, 14, 402, 308, 291], [61, 91, 84, 17, 314, 321, 291]]


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
        o = net.flow(photo, mask, photo, (facial, moved), kp_s, kp_d)
        want = o | net.synthesis(o["warped"], o["occlusion_full"], photo, o["person"], o["given"])
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


def face(rng) -> np.ndarray:
    """108 points in pixels, noise but for the corners of eyes and mouth."""
    points = rng.uniform(60, 200, (108, 2))
    points[EYES[:4]] = [[90, 100], [170, 104], [115, 101], [145, 103]]
    points[refine.MOUTH_ENDS] = [[110, 170], [150, 172], [130, 160], [130, 185]]
    return points


def test_refiner_crops_follow_the_face_and_lead_back():
    rng = np.random.default_rng(0)
    points = face(rng)
    turn = 1.5 * np.array([[0.8, -0.6], [0.6, 0.8]])
    crops, moved = refine.Crops(points[None, :106]), refine.Crops((points @ turn.T + 5)[None, :106])
    q = crops.into(points[None])
    np.testing.assert_allclose(moved.into((points @ turn.T + 5)[None]), q, atol=1e-9)
    out = crops.out(q, rng.uniform(0, 255, (1, 106, 2)))[0]
    np.testing.assert_allclose(out[refine.ALL], points[refine.ALL], atol=1e-9)


def test_a_mirrored_face_gives_the_eyes_in_turn():
    rng = np.random.default_rng(1)
    picture, points = rng.integers(0, 255, (256, 256, 3), np.uint8), face(rng).astype(np.float32)
    crops, other = refine.Crops(points[None]), refine.Crops(refine.flipped(points)[None])
    atlas, mirror = crops.cut(picture), other.cut(np.ascontiguousarray(picture[:, ::-1]))
    assert np.abs(atlas[:3].astype(int) - mirror[3:6]).max() <= 12  # OpenCV steps by 1/32 of a pixel
    right, left = (refine.POINTS[i] for i in (0, 1))
    n = len(right)
    np.testing.assert_allclose(other.into(refine.flipped(points)[None])[0, n : 2 * n], crops.into(points[None])[0, :n], atol=1e-5)


def test_a_fresh_refiner_keeps_the_mesh():
    rng = np.random.default_rng(2)
    picture, points = rng.integers(0, 255, (256, 256, 3), np.uint8), face(rng)[:106]
    net = refine.Exported(refine.export(refine.Refiner().eval()))
    np.testing.assert_allclose(net(picture, points)[:106], points, atol=1e-2)


def test_jitter_and_degradation_keep_what_the_labels_say():
    rng = np.random.default_rng(3)
    points = face(rng)
    for _ in range(20):
        picture, corner = refine_data.near(rng.integers(0, 255, (256, 256, 3), np.uint8), points)
        assert refine_data.degraded(picture, rng).shape == picture.shape and (corner >= 0).all()
        assert np.abs(refine_data.jittered(points, rng) - points).max() < 60


def test_transfer_closes_eyes_and_keeps_lips_apart():
    rng = np.random.default_rng(4)
    photo, rest = (torch.from_numpy(face(rng) / 127.5 - 1).float()[None] for _ in range(2))
    for points, opening in ((photo, 0.1), (rest, 0.06)):
        for upper, lower in [*zip(UPPER_LIDS, LOWER_LIDS), *INNER_LIPS]:
            points[0, lower] = points[0, upper] + torch.tensor([0, opening])
    same, scale = transfer(photo, rest, rest)
    torch.testing.assert_close(same, photo)
    shut = rest.clone()
    shut[0, LOWER_LIDS] = shut[0, UPPER_LIDS]
    shut[0, INNER_LIPS[0][1], 1] -= 1
    moved, _ = transfer(photo, shut, rest)
    gap = (moved[0, LOWER_LIDS] - moved[0, UPPER_LIDS]).norm(dim=1)
    assert gap.max() < 0.02, gap
    assert (moved[0, INNER_LIPS[0][1]] - moved[0, INNER_LIPS[0][0]])[1] > -0.01


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
    rows = sampler.pair.rows
    assert len(rows) == 2 and all(EVALUATION_CLIPS[0] != Rows().clip[r].max() for r in rows)


def test_a_share_of_the_people_is_part_of_a_larger_share():
    sampler = lambda share: Sampler(Rows(), Recipe(size=64, reposed=0, rendered=0, people=share)).pair.rows
    (half,), both = sampler(0.5), sampler(1.0)
    assert len(both) == 2 and any(np.array_equal(half, rows) for rows in both)
    shares = [part(1000, share) for share in (1 / 16, 1 / 4, 1)]
    assert [len(s) for s in shares] == [62, 250, 1000] and set(shares[0]) < set(shares[1]) and (np.diff(shares[2]) == 1).all()
    assert len(part(3, 0.01)) == 1


def test_small_pictures_are_averages_of_large_ones():
    """As the networks reduce the engine's pictures; a picture sampled at fewer places is sharper than any of those."""
    small, large = (Sampler(Rows(), Recipe(size=size, reposed=0, rendered=0))(np.random.default_rng(3)) for size in (128, 256))
    for key in ("src", "drv", "back", "smask", "dmask"):
        blocks = large[key].reshape(128, 2, 128, 2, -1).mean((1, 3)).reshape(small[key].shape)
        assert np.abs(small[key] - blocks).max() <= 0.5
    assert all((small[key] == large[key]).all() for key in ("fk_s", "label_d", "iris_d", "flow"))


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


def test_large_convolutions_are_stored_in_bytes(tmp_path):
    tensors = {"large.weight": torch.randn(64, 64, 3, 3) * torch.logspace(-2, 2, 64)[:, None, None, None], "small.weight": torch.randn(8, 8, 1, 1)}
    tensors["large.weight"][3] = 0
    tensorfile.write(tmp_path / "w.safetensors", stored(tensors), {})
    got, _ = tensorfile.read(tmp_path / "w.safetensors")
    assert set(got) == set(tensors) and got["large.weight"].dtype == np.float32 and got["small.weight"].dtype == np.float16
    largest = tensors["large.weight"].abs().amax((1, 2, 3), keepdim=True).numpy()
    assert (np.abs(got["large.weight"] - tensors["large.weight"].numpy()) <= largest / 127 * 0.501).all()
    assert (tmp_path / "w.safetensors").stat().st_size < 64 * 64 * 9 + 2000


def test_training_goes_on_from_a_weight_file(tmp_path):
    torch.manual_seed(3)
    run = Run(preset("xs"), "cpu", 1e-3)
    for norm in (m for m in run.net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2)
    file = tmp_path / "portrait_xs.safetensors"
    tensorfile.write(file, stored(fold(run.net)), {"preset": "xs"})
    again = Run(preset("xs"), "cpu", 1e-3, norm=False)
    again.start_from(file, 1.0)
    want = {name: t for name, t in fold(load(file)).items()}
    got = fold(again.net)
    assert got.keys() == want.keys() == fold(run.net).keys()
    for name, tensor in fold(run.net).items():
        assert torch.equal(got[name], want[name]), name
        assert (got[name] - tensor).abs().max() <= 0.01 * tensor.abs().max() + 1e-6, name
    assert all(p.requires_grad for p in again.net.parameters())


def test_gaze_is_seen_from_the_corners_of_open_eyes():
    face = np.zeros((478, 2))
    for iris, right, left, upper, lower, x in ((468, 33, 133, 159, 145, 60), (473, 362, 263, 386, 374, 130)):
        face[[iris, right, left, upper, lower]] = np.array([[x + 20, 100], [x, 100], [x + 40, 100], [x + 20, 94], [x + 20, 106]])
    assert gaze_error(face, face) == 0
    moved = face * 1.5 + 7
    assert gaze_error(moved, face) == pytest.approx(0, abs=1e-9)
    moved[[468, 473], 0] += 6  # a tenth of the width, which is 60 now
    assert gaze_error(moved, face) == pytest.approx(10)
    shut = face.copy()
    shut[[159, 386], 1] = 105
    assert gaze_error(shut, face) is None
