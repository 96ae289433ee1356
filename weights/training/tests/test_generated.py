"""Re-posed photographs and rendered heads: geometry, labels and flow agree; all streams have the same keys; batches repeat."""

import os
from pathlib import Path

import numpy as np
import plain_head
import pytest
from small import Rows

from portrait_training import refine_posed
from portrait_training.ict import EXPRESSIONS
from portrait_training.presets import INDICES
from portrait_training.raster import bilinear
from portrait_training.repose import BLINKS, LID_PAIRS, Person, Pose
from portrait_training.stills import Stills
from portrait_training.stream import FLOW, IRIS_MIRROR, Recipe, Sampler, Stream, move_flow

DATA = os.environ.get("PORTRAIT_DATA")


@pytest.fixture(scope="module")
def person() -> Person:
    return Person(plain_head.rig(), plain_head.fit(), np.zeros((468, 2)), *plain_head.photo(), plain_head.iris())


def pose(turn=(0, 0, 0), shift=(0, 0, 0), **weights) -> Pose:
    expression = np.array([weights.get(name, 0.0) for name in EXPRESSIONS])
    return Pose(np.radians(turn), np.array(shift, float), expression)


def test_the_pose_of_the_photograph_gives_the_photograph(person):
    again = person.render(person.view(pose()))
    inside = person.mask[..., None] > 0
    assert np.abs(again.picture.astype(int) - person.photo)[np.broadcast_to(inside, person.photo.shape)].mean() < 3
    where, valid = person.flow(again, person.original)
    still = np.stack(np.meshgrid(np.arange(256), np.arange(256)), -1)
    assert valid.mean() > 0.9 and np.abs(where - still)[valid].max() < 0.1


@pytest.mark.parametrize("change", [pose(turn=(0, 18, 0)), pose(turn=(-8, -12, 5), shift=(1, 0.5, 3)), pose(turn=(5, 0, 0), jawOpen=0.6)])
def test_flow_carries_pictures_and_landmarks(person, change):
    driver = person.render(person.view(change))
    where, valid = person.flow(driver, person.original)
    assert valid[64:192, 64:192].mean() > 0.8
    shown = valid & (driver.mask > 250)
    assert np.abs(bilinear(person.photo, where) - driver.picture)[shown].mean() < 4
    assert np.abs(person.photo.astype(int) - driver.picture)[shown].mean() > 8  # without the flow they differ
    at = driver.points[INDICES, :2]
    read = bilinear(where, at)
    known = bilinear(valid.astype(np.float32)[..., None], at)[:, 0] > 0.99
    assert known.sum() > 30 and np.abs(read - person.original.points[INDICES, :2])[known].max() < 1


def test_flow_back_and_forth_is_identity(person):
    a, b = (person.render(person.view(p)) for p in (pose(turn=(0, 12, 0)), pose(turn=(6, -8, 0), jawOpen=0.4)))
    there, known = person.flow(a, b)
    back, known_back = person.flow(b, a)
    again = bilinear(back, there)
    still = np.stack(np.meshgrid(np.arange(256), np.arange(256)), -1)
    both = known & (bilinear(known_back.astype(np.float32)[..., None], there)[..., 0] > 0.999)
    assert both.mean() > 0.5 and np.percentile(np.abs(again - still)[both], 95) < 0.5


def test_full_blink_brings_the_lids_together(person):
    closed = person.fit.expression.copy()
    closed[BLINKS] = person.full
    points = person.view(Pose(np.zeros(3), np.zeros(3), closed)).points
    assert abs(points[159, 1] - points[145, 1]) < 0.5 < 5 < abs(person.original.points[159, 1] - person.original.points[145, 1])


def test_gaze_moves_the_irises_and_nothing_else(person):
    aside = person.view(Pose(np.zeros(3), np.zeros(3), person.fit.expression, person.gaze + (0.3, 0)))
    assert (aside.iris - person.original.iris)[[0, 5], 0].min() > 2
    np.testing.assert_allclose(aside.points, person.original.points)
    np.testing.assert_allclose(person.original.iris, plain_head.iris(), atol=0.3)


def test_moved_flow_follows_the_pictures():
    """A flow that is affine stays so: A f A^-1."""
    f, g = np.array([[1.02, 0.05], [-0.03, 0.97]]), np.array([0.02, -0.01])
    still = np.stack(np.meshgrid(np.linspace(-1, 1, 256), np.linspace(-1, 1, 256)), -1)
    linear, shift = np.array([[-0.95, 0.1], [0.1, 0.95]]), np.array([0.03, -0.02])
    got, known = move_flow(((still @ f.T + g + 1) * 127.5).astype(np.float32), np.ones((256, 256), bool), linear, shift)
    axis = np.linspace(-1, 1, FLOW)
    at = np.stack(np.meshgrid(axis, axis), -1)
    want = ((at - shift) @ np.linalg.inv(linear).T @ f.T + g) @ linear.T + shift
    assert known.mean() > 0.7 and np.abs(got - want)[known > 0].max() < 1e-3
    assert not known[0, 0] or np.abs(want[0, 0]).max() <= 1


def test_iris_mirror_is_an_involution():
    assert [IRIS_MIRROR[i] for i in IRIS_MIRROR] == list(range(10))


def plain_cache(folder) -> Rows:
    rows = Rows()
    stills = np.flatnonzero(rows.clip == -1)
    rows.path = folder
    rows.frames[stills], rows.masks[stills], rows.backs[stills] = plain_head.photo()
    rows.iris[stills] = plain_head.iris() / 127.5 - 1
    plain_head.write(folder, stills)
    return rows


def test_streams_agree_in_keys_and_repeat(tmp_path):
    cache = plain_cache(tmp_path)
    make = lambda share: Sampler(cache, Recipe(size=64, reposed=share, rendered=0, views=2))(np.random.default_rng(3))
    clip, still, again = make(0.0), make(1.0), make(1.0)
    assert clip.keys() == still.keys()
    assert all(clip[k].shape == still[k].shape and clip[k].dtype == still[k].dtype for k in clip)
    assert all((still[k] == again[k]).all() for k in still)
    assert still["flow_valid"].mean() > 0.4 and not clip["flow_valid"].any()


def test_winks_close_either_eye_alone(tmp_path):
    stills = Stills(tmp_path, plain_cache(tmp_path))
    person, rng = stills.person(0), np.random.default_rng(0)
    views = [person.view(refine_posed.pose(rng, stills, person)) for _ in range(60)]
    gaps = np.array([[np.linalg.norm(v.points[a, :2].mean(0) - v.points[b, :2].mean(0)) for a, b in LID_PAIRS] for v in views])
    right, left = (gaps / np.median(gaps, 0)).T
    assert (right < 0.4 * left).sum() > 4 and (left < 0.4 * right).sum() > 4 and ((right < 0.5) & (left < 0.5)).sum() > 4


def test_workers_make_the_same_batches(tmp_path, monkeypatch):
    cache = plain_cache(tmp_path)
    recipe = Recipe(size=32, batch=2, reposed=0.5, rendered=0)
    # Processes first: the thread compiles the rasteriser, and a fork meanwhile would inherit the compiler's lock for good.
    helped, alone = Stream(cache, recipe, 7, first=4, workers=2), Stream(cache, recipe, 7, first=4)
    for _ in range(3):
        a, b = next(alone), next(helped)
        assert all((a[k] == b[k]).all() for k in a)
    helped.close()


def test_shares_are_checked():
    with pytest.raises(SystemExit, match="0.25"):
        Sampler(Rows(), Recipe(reposed=0, rendered=0.3))


@pytest.mark.skipif(not DATA, reason="rendered heads need synth/makehuman: set PORTRAIT_DATA to the data folder")
def test_rendered_heads():
    from portrait_training.heads import HeadPose, Heads

    head = Heads(Path(DATA) / "synth/makehuman").person(np.random.default_rng(0))
    back = np.full((256, 256, 3), 90, np.uint8)
    source = head.view(HeadPose(np.zeros(3), np.zeros(3), {}), back)
    driver = head.view(HeadPose(np.radians((25, 5, 0)), np.zeros(3), {"jawOpen": 0.3, "eyeBlinkLeft": 1.0}), back)
    assert (source.picture[source.mask == 0] == 90).all() and 0.2 < (source.mask > 128).mean() < 0.9
    where, known = head.flow(driver, source)
    assert known.mean() > 0.5
    at = head.points(driver)[INDICES, :2]
    points = head.points(driver)
    k = ((points[INDICES, :2] + 0.5) * 2 - 0.5).round().astype(int)
    front = points[INDICES, 2] < driver.layer[2][k[:, 1], k[:, 0]] + 0.3  # not hidden in the driver itself
    seen = front & (bilinear(known.astype(np.float32)[..., None], at)[:, 0] > 0.99)
    error = np.abs(bilinear(where, at) - head.points(source)[INDICES, :2]).max(1)[seen]
    assert seen.sum() > 40 and np.percentile(error, 90) < 1.5
    gap = lambda view, a, b: np.linalg.norm(head.points(view)[a, :2] - head.points(view)[b, :2])
    assert gap(driver, 386, 374) < 0.4 * gap(source, 386, 374)
