"""Expressions and depth of a face: what each ARKit coefficient does to the facial points and the irises, and their mean shape.

    python -m portrait_training.expressions --tracks DATA/clips/tracks --out ../expressions.safetensors

Landmarks of mesh v2 are laid over one another by the points that only the skull moves (Procrustes), so that head pose is gone. What is
left, against the clip's own mean, is regressed on the coefficients that MediaPipe's blendshape network read from the same frames. A
coefficient may only move the part of the face it is named for, on the side it is named for: both eyes nearly always close together,
and a plain regression would let either coefficient close both half-way.

Unit: distance of the outer eye corners. Axes: x to the picture's right, y down, z away from the camera, origin between the corners.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from .presets import EVALUATION_CLIPS, FACIAL, INDICES, MIRROR, PRESETS

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

NAMES = (
    "neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight "
    "eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight "
    "eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose "
    "mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight "
    "mouthPressLeft mouthPressRight mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft "
    "mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight"
).split()
RIGID = [INDICES.index(i) for i in (10, 234, 454, 127, 356, 33, 263, 133, 362, 168, 6, 197, 5, 4)]  # forehead, temples, eye corners, nose
IRISES = [468, 473]  # the person's right and left, after the 106 points
POINTS = 106 + len(IRISES)
SWAPPED = [*MIRROR, 107, 106]
MESH, EYES = slice(0, 106), slice(106, POINTS)
PARTS = {"eye": ("lid_upper", "lid_lower"), "brow": ("brow",), "rest": ()}


def part_of_points() -> np.ndarray:
    parts = np.full(POINTS, "rest", dtype=object)
    for name, members in PARTS.items():
        for member in members:
            parts[FACIAL["parts"][member]] = name
    for i in FACIAL["eyes"]:
        parts[i] = "eye"
    parts[106:] = "iris"
    return parts


def allowed(mean: np.ndarray) -> np.ndarray:
    """How much of each coefficient reaches each point, (52, 108), 0..1. The person's left is the picture's right (x > 0)."""
    parts, x = part_of_points(), mean[:, 0]
    left = np.clip(0.5 + x / 0.3, 0, 1)  # a soft seam along the middle of the face
    mask = np.zeros((len(NAMES), POINTS))
    for k, name in enumerate(NAMES):
        if name == "neutral":
            continue
        if name.startswith(("eyeLookIn", "eyeLookOut")):
            here = parts == "iris"
        elif name.startswith("eyeLook"):
            here = (parts == "iris") | (parts == "eye")
        elif name.startswith("eye"):
            here = parts == "eye"
        elif name.startswith("brow"):
            here = parts == "brow"
        elif name.startswith(("cheekSquint", "noseSneer")):
            here = (parts == "rest") | (parts == "eye")
        else:
            here = parts == "rest"
        one_sided = name.endswith(("Left", "Right")) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
        side = (left if name.endswith("Left") else 1 - left) if one_sided else 1.0
        mask[k] = here * side
    mask[:, RIGID] = 0
    return mask


def align(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Each frame (B, 108, 3) onto the reference by the similarity that fits its rigid points best."""
    p, r = points[:, RIGID], reference[RIGID]
    pm, rm = p.mean(1, keepdims=True), r.mean(0)
    p, r = p - pm, r - rm
    u, s, vt = np.linalg.svd(np.matmul(p.transpose(0, 2, 1), r))
    flip = np.ones_like(s)
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip[:, None]) @ vt
    scale = (s * flip).sum(1) / (p**2).sum((1, 2))
    return scale[:, None, None] * np.matmul(points - pm, rotation) + rm


def upright(mean: np.ndarray) -> np.ndarray:
    """Symmetric, origin between the outer eye corners, their distance as unit, facing the camera (forehead above chin in z)."""
    mean = (mean + mean[SWAPPED] * (-1, 1, 1)) / 2
    right, left = mean[INDICES.index(33)], mean[INDICES.index(263)]
    return (mean - (right + left) / 2) / (left[0] - right[0])


def load(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points, coefficients, clips = [], [], []
    for file in sorted(folder.glob("*.npz")):
        if int(file.stem) in EVALUATION_CLIPS:
            continue
        track = np.load(file)
        good = np.flatnonzero(track["presence"] > 0.5)[::3]  # neighbours are nearly equal
        points.append(track["lm"][good][:, [*INDICES, *IRISES]].astype(np.float64))
        coefficients.append(track["bs"][good].astype(np.float64))
        clips.append(np.full(len(good), int(file.stem)))
    return np.concatenate(points), np.concatenate(coefficients), np.concatenate(clips)


def mirrored(names: list[str]) -> list[int]:
    def other(name: str) -> str:
        if name.endswith("Left"):
            return name[:-4] + "Right"
        return name[:-5] + "Left" if name.endswith("Right") else name

    return [names.index(other(name)) for name in names]


class Moments:
    """Sums that every ridge regression over the same frames needs."""

    def __init__(self, moved: np.ndarray, b: np.ndarray, weight: np.ndarray):
        scaled = b * weight[:, None]
        self.gram, self.total = scaled.T @ b, weight.sum()
        self.cross = np.tensordot(scaled, moved, (0, 0))  # (52, 108, 3)

    def fit(self, mask: np.ndarray, ridge: float) -> np.ndarray:
        """Offsets (52, 108, 3) of each coefficient at 1."""
        out = np.zeros((len(NAMES), POINTS, 3))
        for i in range(POINTS):
            use = np.flatnonzero(mask[:, i] > 0.02)
            if len(use) == 0:
                continue
            m = mask[use, i]
            gram = self.gram[np.ix_(use, use)] * np.outer(m, m) + ridge * self.total * np.eye(len(use))
            out[use, i] = np.linalg.solve(gram, self.cross[use, i] * m[:, None]) * m[:, None]
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=PRESETS.parent / "expressions.safetensors")
    args = parser.parse_args()
    points, b, clip = load(args.tracks)

    mean = upright(points[0])
    for _ in range(5):
        aligned = align(points, mean)
        mean = upright(np.mean([aligned[clip == c].mean(0) for c in np.unique(clip)], 0))
    aligned = align(points, mean)
    moved, centred, weight = np.empty_like(aligned), np.empty_like(b), np.empty(len(b))
    for c in np.unique(clip):
        here = clip == c
        moved[here], centred[here] = aligned[here] - aligned[here].mean(0), b[here] - b[here].mean(0)
        weight[here] = 1 / np.sqrt(here.sum())
    swap = mirrored(NAMES)
    moved = np.concatenate([moved, moved[:, SWAPPED] * (-1, 1, 1)])
    centred, weight, clip = np.concatenate([centred, centred[:, swap]]), np.tile(weight, 2), np.tile(clip, 2)
    mask = allowed(mean)

    def explained(offsets: np.ndarray, where: np.ndarray) -> float:
        left = moved[where] - np.tensordot(centred[where], offsets, (1, 0))
        return 1 - np.array([(left[:, p, :2] ** 2).sum() / (moved[where][:, p, :2] ** 2).sum() for p in (MESH, EYES)])

    scores = {ridge: [] for ridge in (1e-4, 3e-4, 1e-3, 3e-3)}
    for fold in range(5):
        test = clip % 5 == fold
        moments = Moments(moved[~test], centred[~test], weight[~test])
        for ridge, list_of in scores.items():
            list_of.append(explained(moments.fit(mask, ridge), test))
    scores = {ridge: np.mean(list_of, 0) for ridge, list_of in scores.items()}
    ridge = max(scores, key=lambda ridge: scores[ridge][0])
    offsets = Moments(moved, centred, weight).fit(mask, ridge)
    offsets = (offsets + offsets[swap][:, SWAPPED] * (-1, 1, 1)) / 2
    size = {n: round(float(np.abs(o[:, :2]).max()), 3) for n, o in zip(NAMES, offsets)}
    print("explained of left-out clips, points and irises:", {k: v.round(3).tolist() for k, v in scores.items()})
    print("largest movement of a point at 1, in eye-corner distances:", size)
    metadata = {
        "architecture": "expressions-1",
        "names": json.dumps(NAMES),
        "licences": "as the repository",
        "data_sources": f"landmarks and blendshape coefficients of MediaPipe on {len(np.unique(clip))} training clips, {len(b)} frames",
        "metrics": json.dumps(
            {
                "explained_variance_of_left_out_clips": round(float(scores[ridge][0]), 3),
                "explained_variance_of_irises": round(float(scores[ridge][1]), 3),
                "ridge": ridge,
            }
        ),
    }
    tensors = {"expressions.mean": mean[MESH].astype(np.float32), "expressions.offsets": offsets.astype(np.float32)}
    tensorfile.write(args.out, tensors, metadata)


if __name__ == "__main__":
    main()
