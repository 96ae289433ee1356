"""Lid correction: a linear map from the eye points of mesh v1 to those of mesh v2, which sees blinks twice as well.

    python -m portrait_training.lids --cache CACHE --out ../lids.safetensors

Mesh v1 moves its lids about half as far as the eyes do. The 24 eye points, in a frame fixed to the outer eye corners, gain `W q + b`.
Fitted on the training clips; the ridge is chosen by leaving clips out.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from .prepare import STILL
from .presets import EVALUATION_CLIPS, EYES, INDICES, MIRROR, PRESETS

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

RIGHT, LEFT = INDICES.index(33), INDICES.index(263)  # outer eye corners
LIDS = [[INDICES.index(i) for i in pair] for pair in ((159, 145), (386, 374))]
FILE = PRESETS.parent / "lids.safetensors"


class EyeFrame:
    """Origin between the outer eye corners, x axis from the right to the left one, their distance as unit; points (B, 106, 2)."""

    def __init__(self, points: np.ndarray):
        across = points[:, LEFT] - points[:, RIGHT]
        self.middle = (points[:, LEFT] + points[:, RIGHT])[:, None] / 2
        self.x, self.y = across[:, None], np.stack([-across[:, 1], across[:, 0]], -1)[:, None]

    def into(self, points: np.ndarray) -> np.ndarray:
        p, unit = points - self.middle, (self.x**2).sum(-1)
        return np.stack([(p * self.x).sum(-1) / unit, (p * self.y).sum(-1) / unit], -1)

    def out(self, vectors: np.ndarray) -> np.ndarray:
        """A difference of points, back in the units of the picture."""
        return vectors[..., :1] * self.x + vectors[..., 1:] * self.y


def correct(points: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(B, 106, 2) of mesh v1, in any square coordinates -> the same with corrected eyes."""
    frame = EyeFrame(points)
    q = frame.into(points)[:, EYES].reshape(len(points), -1)
    out = points.copy()
    out[:, EYES] += frame.out((q @ weight.T + bias).reshape(len(points), -1, 2))
    return out


def fit(v1: np.ndarray, v2: np.ndarray, share: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Weighted ridge regression, on the points and their mirror images."""
    frame = EyeFrame(v1)
    q1, q2 = (frame.into(p.astype(np.float64)) for p in (v1, v2))
    q1, q2 = (np.r_[q, q[:, MIRROR] * (-1, 1)][:, EYES].reshape(2 * len(v1), -1) for q in (q1, q2))
    w = np.r_[share, share] / share.mean()
    mean, change = np.average(q1, 0, w), np.average(q2 - q1, 0, w)
    x = q1 - mean
    weight = np.linalg.solve((x * w[:, None]).T @ x + ridge * np.eye(x.shape[1]), (x * w[:, None]).T @ (q2 - q1 - change)).T
    return weight, change - weight @ mean


def opening(points: np.ndarray) -> np.ndarray:
    """Mean distance of upper and lower lid, (B)."""
    return np.mean([np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in LIDS], 0)


def error(points: np.ndarray, v2: np.ndarray, clip: np.ndarray) -> float:
    """How wrongly the lids move: error of the opening against its median in the clip, in pixels of 256, mean of clips.

    The median is taken off because motion is transferred relative to a rest frame: an offset per person does not matter.
    """
    wrong = (opening(points) - opening(v2)) * 127.5
    clips = [wrong[clip == c] for c in np.unique(clip)]
    return float(np.mean([np.abs(w - np.median(w)).mean() for w in clips]))


def slope(points: np.ndarray, v2: np.ndarray, clip: np.ndarray) -> float:
    """Movement of the opening per movement in mesh v2, mean of clips; 1 is right."""
    pairs = [(opening(v2[clip == c]), opening(points[clip == c])) for c in np.unique(clip)]
    return float(np.mean([np.polyfit(x, y, 1)[0] for x, y in pairs]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FILE)
    args = parser.parse_args()
    table = np.load(args.cache / "table.npz")
    held_out = np.isin(table["clip"], EVALUATION_CLIPS)
    clip, v1, v2 = (table[k][~held_out] for k in ("clip", "fk_v1", "fk_v2"))
    share = 1 / np.sqrt(np.array([(clip == c).sum() for c in clip]))

    def left_out(ridge: float) -> float:
        errors = []
        for fold in range(5):
            test = (clip % 5 == fold) & (clip != STILL)
            errors.append(error(correct(v1[test], *fit(v1[~test], v2[~test], share[~test], ridge)), v2[test], clip[test]))
        return float(np.mean(errors))

    ridges = {r: left_out(r) for r in (0.001, 0.01, 0.03, 0.1, 0.3, 1.0)}
    ridge = min(ridges, key=ridges.get)
    weight, bias = (a.astype(np.float32) for a in fit(v1, v2, share, ridge))
    eval_clip, raw, want = (table[k][held_out] for k in ("clip", "fk_v1", "fk_v2"))
    metrics = {
        name: {"error_px": round(error(points, want, eval_clip), 3), "slope": round(slope(points, want, eval_clip), 2)}
        for name, points in {"mesh_v1": raw, "corrected": correct(raw, weight, bias)}.items()
    }
    print({r: round(e, 3) for r, e in ridges.items()}, "evaluation clips:", metrics)
    metadata = {
        "architecture": "lids-1",
        "licences": "as the repository",
        "data_sources": "landmarks of MediaPipe mesh v1 and v2 on the 78 training clips and 1,065 stills of the training data",
        "metrics": json.dumps({"protocol": "opening of the lids against its median in the clip, 9 evaluation clips, pixels of 256"} | metrics),
    }
    tensorfile.write(args.out, {"lids.weight": weight, "lids.bias": bias}, metadata)


if __name__ == "__main__":
    main()
