"""Places of torso and head, and how they are found again."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from portrait_training.anchors import HEAD, SEARCH, SMALL, TORSO, error, judge, matched, places
from portrait_training.prepare import SIDE
from portrait_training.presets import EVALUATION_CLIPS, EYES

PIXEL = 2 / (SMALL - 1)


def person() -> tuple[np.ndarray, np.ndarray]:
    """A mask of a head on shoulders, and facial points of which only the corners of the eyes mean anything."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (128, 110), (60, 80), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (40, 200), (216, SIDE), 255, -1)
    facial = np.zeros((106, 2), np.float32)
    facial[EYES[0]], facial[EYES[1]] = (-0.25, -0.2), (0.25, -0.2)
    return mask, facial


def test_places_lie_on_the_person_near_the_outline():
    mask, facial = person()
    at = places(mask, facial)
    x, y = at.round().astype(int).T
    assert (mask[y, x] == 255).all()
    assert (at[TORSO][:, 1] > 200).all() and (at[HEAD][:, 1] < 200).all()
    top, *sides = at[HEAD]
    assert abs(top[0] - 128) < 2 and 30 < top[1] < 42, top
    # Picture left, then right, of what mirrors.
    assert sides[0][0] < 128 < sides[1][0] and sides[2][0] < 80 < 176 < sides[3][0], sides


def test_nobody_in_the_mask_still_gives_places_inside_the_picture():
    at = places(np.zeros((SIDE, SIDE), np.uint8), person()[1])
    assert np.isfinite(at).all() and (at >= 0).all() and (at < SIDE).all()


def wandering(shifts: np.ndarray) -> np.ndarray:
    """One picture of smooth noise, moved by as many pixels, (N, SMALL, SMALL) u8."""
    noise = np.random.default_rng(3).uniform(0, 255, (SMALL // 4, SMALL // 4)).astype(np.uint8)
    picture = cv2.resize(noise, (SMALL, SMALL), interpolation=cv2.INTER_CUBIC)
    move = lambda s: cv2.warpAffine(picture, np.float32([[1, 0, s[0]], [0, 1, s[1]]]), (SMALL, SMALL), borderMode=cv2.BORDER_REFLECT)
    return np.stack([move(s) for s in shifts])


def test_what_moved_is_found_again():
    shifts = np.array([[0, 0], [3, -2], [-6, 5]], np.float32)
    at = np.array([[-0.2, 0.1], [0.3, -0.4]], np.float32)
    guess = np.repeat(at[None], len(shifts), 0) + 2 * PIXEL
    found = matched(wandering(shifts), 0, at, guess)
    wrong = lambda p: np.abs(p - (at + shifts[:, None] * PIXEL)) / PIXEL
    assert wrong(guess).max() > 7 and wrong(found).max() < 1, wrong(found)


def test_where_nothing_can_be_seen_the_guess_stays():
    at = np.array([[0.1, 0.2]], np.float32)
    guess = at[None] + np.array([[[0, 0]], [[4, 2]]], np.float32) * PIXEL
    found = matched(np.full((2, SMALL, SMALL), 90, np.uint8), 0, at, guess)
    assert np.abs(found - guess).max() < 0.51 * PIXEL < SEARCH * PIXEL


def test_a_constant_is_no_error_and_motion_is():
    truth, trust = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 10, 2)), np.ones((6, 10))
    assert max(error(truth + 0.1, truth, trust)) < 1e-9
    torso, head = error(np.concatenate([truth[:, TORSO], np.zeros((6, 5, 2))], 1), truth, trust)
    assert torso < 1e-9 and head > 10


def test_what_follows_the_face_is_told_from_what_does_not():
    rng, clips, frames = np.random.default_rng(5), [0, 1, *EVALUATION_CLIPS], 160
    clip = np.repeat(clips, frames)
    shift = rng.normal(0, 0.1, (len(clip), 1, 2))
    face = rng.uniform(-0.3, 0.3, (106, 2)) + shift
    blank = np.broadcast_to(np.uint8(90), (len(clip), SIDE, SIDE, 3))
    cache = SimpleNamespace(clip=clip, fk_v2=face, fk_engine=face, frames=blank)
    torso, head = rng.uniform(-0.5, 0.5, (2, 1, 5, 2))
    alone = rng.normal(0, 0.1, (len(clip), 1, 2))  # what no face tells
    points, trust = np.concatenate([torso + shift, head + alone], 1), np.ones((len(clip), 10))
    results = judge(cache, points, trust)
    assert results["still"][0] > 10 and results["facial points"][0] < 1 and results["matched"][0] < 2
    assert all(results[name][1] > 10 for name in results), results
    trust[:frames] = np.nan
    with pytest.raises(SystemExit, match="clips 0 were not followed"):
        judge(cache, points, trust)
