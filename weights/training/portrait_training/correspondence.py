"""Where the 468 landmarks of the MediaPipe mesh lie on ICT-FaceKit, found by asking the mesh itself.

    python -m portrait_training.correspondence --ict ict_facekit_f16.npz --data DATA --mesh face_landmark.tflite

Heads of random identity are rendered, lit from either side, with painted lips, brows and eyes, turned a little, mouth ajar; mesh v2 reads its
landmarks off the pictures; each is taken to the nearest visible skin and from there to the model. The median over the pictures,
snapped to the skin (points of the upper lids to its rim), is written to `ict_mesh468.json`.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from .ict import CORRESPONDENCE, EXPRESSIONS, EYEBALLS, IDENTITIES, PARTS, Ict, nearest, rotation
from .raster import interpolate, rasterise

SIDE, VIEWS = 640, 160
LIPS = [5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841]  # outline, on the neutral model
BROWS = [[268, 493, 1914, 2044, 1401], [3615, 4240, 4114, 2734, 2509]]
UPPER_LIDS = [246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398]
INNER_LIPS = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]


def paint(model: Ict) -> np.ndarray:
    """Colours of the vertices (N, 3)."""
    tone = {"face": (200, 160, 140), "head": (200, 160, 140), "mouth": (90, 40, 40), "sockets": (190, 150, 130)}
    tone |= {"gums": (170, 80, 80), "teeth": (235, 225, 210), "eyes": (245, 240, 235)}
    colour = np.zeros((len(model.v), 3))
    for name, value in tone.items():
        colour[model.part(name)] = value
    face = model.v[model.part("face")]
    inside = lambda ring, grow: np.array([cv2.pointPolygonTest(ring.astype(np.float32), p.tolist(), True) > -grow for p in face[:, :2]])
    colour[: len(face)][inside(face[LIPS, :2], 0) & (face[:, 2] > 9)] = (165, 85, 85)
    for brow in BROWS:
        line = face[brow, :2]
        ring = np.r_[line + (0, 0.2), line[::-1] - (0, 0.2)]
        colour[: len(face)][inside(ring, 0) & (face[:, 2] > 6)] = (80, 55, 45)
    for a, b in EYEBALLS.values():
        away = model.v[a:b] - model.v[a:b].mean(0)
        radius = np.where(away[:, 2] > 0, np.hypot(*away[:, :2].T), 9)
        colour[a:b][radius < 0.62], colour[a:b][radius < 0.28] = (70, 50, 40), (15, 12, 10)
    return colour


def picture(model: Ict, shape: np.ndarray, turn: np.ndarray, colour: np.ndarray, light=(0.3, 0.5, 0.8)):
    """Lit picture (SIDE, SIDE, 3) u8 and what `rasterise` said."""
    at = (shape - (0, -1, 3)) @ turn.T
    depth = 150 - at[:, 2]
    scale = SIDE / 26 * 150 / depth
    ids, bary, _ = rasterise(np.stack([SIDE / 2 + scale * at[:, 0], SIDE / 2 - scale * at[:, 1], depth], 1), model.tri, SIDE, SIDE)
    across = np.cross(at[model.tri[:, 1]] - at[model.tri[:, 0]], at[model.tri[:, 2]] - at[model.tri[:, 0]])
    normal = np.stack([np.bincount(model.tri.ravel(), np.repeat(across[:, i], 3), len(at)) for i in range(3)], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    shade = 0.35 + 0.65 * np.clip(normal @ light, 0, 1)
    out = interpolate(ids, bary, model.tri, colour * shade[:, None])
    out[ids < 0] = (120, 130, 140)
    return out.clip(0, 255).astype(np.uint8), ids, bary


def closest_on_surface(points: np.ndarray, v: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (P, 3) and weights (P, 3) of the nearest surface points; triangles about the nearest vertex are searched."""
    corners, weights = np.zeros((len(points), 3), int), np.zeros((len(points), 3))
    for i, (p, near) in enumerate(zip(points, nearest(points, v[np.unique(triangles)]))):
        around = triangles[(triangles == np.unique(triangles)[near]).any(1)]
        best = np.inf
        for t in around:
            a, b, c = v[t].astype(np.float64)
            uv = np.linalg.lstsq(np.stack([a - c, b - c], 1), p - c, rcond=None)[0].clip(0, 1)
            w = np.r_[uv, max(0, 1 - uv.sum())]
            w /= w.sum()
            far = np.linalg.norm(w @ v[t] - p)
            if far < best:
                best, corners[i], weights[i] = far, t, w
    return corners, weights


def read_off(tracker, shots, neutral: np.ndarray, triangles: np.ndarray, skin: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """Median place of the landmarks on the neutral model (468 or, where `eyes` are drawn, 478, 3).

    shots: (picture, triangle ids, weights, whether the mouth is ajar); skin, eyes: which triangles a landmark, an iris point may lie on.
    """
    readings, ajar = [], []
    for shown, ids, bary, mouth in shots:
        tracker.reset()
        found = tracker(shown)
        if found is None:
            continue
        places = []
        for points, allowed in ((found[1][:468], skin), (found[1][468:], eyes)):
            hidden = (ids < 0) | ~allowed[ids]
            if hidden.all():
                continue
            _, label = cv2.distanceTransformWithLabels(hidden.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
            where = np.zeros((label.max() + 1, 2), int)
            where[label[~hidden]] = np.argwhere(~hidden)
            x, y = points[:, :2].round().astype(int).clip(0, len(ids) - 1).T
            at = where[label[y, x]]
            k, b = ids[at[:, 0], at[:, 1]], bary[at[:, 0], at[:, 1]]
            places.append((np.c_[b, 1 - b.sum(1)][:, :, None] * neutral[triangles[k]]).sum(1))
        readings.append(np.concatenate(places))
        ajar.append(mouth)
    readings, ajar = np.array(readings), np.array(ajar)
    middle = np.median(readings, 0)
    middle[INNER_LIPS] = np.median(readings[ajar][:, INNER_LIPS], 0)  # a closed mouth does not tell upper from lower
    return middle


def to_the_rim(middle: np.ndarray, face: np.ndarray, moved: np.ndarray, reach: float):
    """Takes points of the upper lids to the rim, which is what a blink moves most: `moved` of the vertices `face`, same unit."""
    for i in UPPER_LIDS:
        far = np.linalg.norm(face - middle[i], axis=1)
        middle[i] = face[np.where(far < reach, moved - 0.5 * far, -1).argmax()]


def derive(model: Ict, tracker, views: int = VIEWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """-> corners and weights (468, 3) each."""
    rng, colour, jaw = np.random.default_rng(seed), paint(model), EXPRESSIONS.index("jawOpen")

    def shots():
        for _ in range(views):
            expression = np.zeros(len(EXPRESSIONS))
            expression[jaw] = rng.choice([0.0, 0.2, 0.35])
            shape = model.shape(rng.normal(0, 0.8, IDENTITIES), expression)
            turn = rotation((rng.normal(0, 0.1), rng.normal(0, 0.2), 0))
            shown = picture(model, shape, turn, colour * rng.uniform(0.6, 1.1), (rng.uniform(-0.5, 0.5), 0.4, 0.8))
            yield *shown, expression[jaw] > 0.1

    skin = (model.tri < PARTS["head"][1]).all(1)
    middle = read_off(tracker, shots(), model.v, model.tri, skin, np.zeros_like(skin))
    blink = model.expression[[EXPRESSIONS.index("eyeBlink_L"), EXPRESSIONS.index("eyeBlink_R")]][:, : PARTS["face"][1]]
    to_the_rim(middle, model.v[model.part("face")], np.linalg.norm(blink, axis=2).max(0), 0.35)
    return closest_on_surface(middle, model.v, model.tri[(model.tri < PARTS["face"][1]).all(1)])


def main():
    from .tracker import Tracker

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ict", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True)
    args = parser.parse_args()
    corners, weights = derive(Ict(args.ict), Tracker(args.data / "models", args.mesh))
    how = f"mesh v2 read off {VIEWS} renders of random identities, nearest visible skin, median (correspondence.py)"
    CORRESPONDENCE.write_text(json.dumps({"derived": how, "corners": corners.tolist(), "weights": weights.round(4).tolist()}))


if __name__ == "__main__":
    main()
