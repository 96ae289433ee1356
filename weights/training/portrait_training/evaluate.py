"""Held-out numbers and contact sheets. Each clip's first frame is driven by its other cached frames, absolute keypoints.

python -m portrait_training.evaluate --cache CACHE --data DATA --mesh face_landmark.tflite --vgg VGG --checkpoint RUN/last.pt --out OUT
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.metrics import structural_similarity

from .export import load
from .losses import Perceptual
from .networks import Portrait
from .prepare import EVALUATION_STEP
from .presets import EVALUATION_CLIPS, EYES, INDICES, LIPS
from .rows import Cache
from .stream import BORDER, IRIS_CENTRES, sample_map, thin_plate_map
from .tracker import Tracker

KEYS = ("l1", "psnr", "ssim", "perceptual", "akd", "akd_eyes", "akd_lips", "mouth_gap", "lid_gap", "gaze", "found")
# Of each eye in mesh v2: iris centre, corners, upper and lower lid.
IRISES = ((468, 33, 133, 159, 145), (473, 362, 263, 386, 374))
OPEN = 0.15  # gap of the lids in widths of the eye from which on an iris is read


def planar(picture: np.ndarray) -> torch.Tensor:
    t = torch.from_numpy(np.array(picture)).float() / 255
    return (t.permute(2, 0, 1) if t.ndim == 3 else t[None])[None]


def picture(t: torch.Tensor) -> np.ndarray:
    return (t[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()


def landmarks(tracker: Tracker, image: np.ndarray) -> np.ndarray | None:
    """Pixels (478, 2) by mesh v2, from a fresh detection."""
    tracker.reset()
    found = tracker(image)
    return None if found is None else found[1][:, :2]


def gap(points: np.ndarray, upper: list[int], lower: list[int]) -> float:
    return np.linalg.norm(points[upper] - points[lower], axis=-1).mean()


def gaze_error(got: np.ndarray, want: np.ndarray) -> float | None:
    """How far irises are from where they should be, seen from the corners of their eyes, in percent of the eye's width; eyes open in both."""

    def place(points: np.ndarray, iris: int, right: int, left: int, upper: int, lower: int) -> np.ndarray | None:
        along = points[left] - points[right]
        width = np.linalg.norm(along)
        if np.linalg.norm(points[upper] - points[lower]) < OPEN * width:
            return None
        offset = points[iris] - (points[left] + points[right]) / 2
        return np.array([offset @ along, along[0] * offset[1] - along[1] * offset[0]]) / width**2

    pairs = [(place(got, *eye), place(want, *eye)) for eye in IRISES]
    apart = [np.linalg.norm(a - b) for a, b in pairs if a is not None and b is not None]
    return 100 * float(np.mean(apart)) if apart else None


def compare(out: np.ndarray, driver: np.ndarray, want: np.ndarray | None, tracker: Tracker, perceptual: Perceptual) -> dict[str, float]:
    a, b = out / np.float32(255), driver / np.float32(255)
    half = lambda p: torch.nn.functional.avg_pool2d(planar(p), 2)
    row = dict(
        l1=np.abs(a - b).mean(),
        psnr=-10 * np.log10(((a - b) ** 2).mean() + 1e-10),
        ssim=structural_similarity(out, driver, channel_axis=2),
        perceptual=perceptual(half(out), half(driver)).item(),
    )
    got = landmarks(tracker, out)
    row["found"] = float(got is not None)
    if got is not None and want is not None:
        d = np.linalg.norm(got[INDICES] - want[INDICES], axis=1)
        row |= dict(akd=d.mean(), akd_eyes=d[EYES].mean(), akd_lips=d[LIPS].mean())
        row["mouth_gap"] = abs(gap(got, [13], [14]) - gap(want, [13], [14]))
        row["lid_gap"] = abs(gap(got, [159, 386], [145, 374]) - gap(want, [159, 386], [145, 374]))
        gaze = gaze_error(got, want)
        row |= {} if gaze is None else {"gaze": gaze}
    return {k: float(v) for k, v in row.items()}


def averages(rows) -> dict[str, float]:
    """Of each key over the rows that have it: gaze, for one, is missing where eyes are shut."""
    columns = {key: [row[key] for row in rows if key in row] for key in KEYS}
    return {key: float(np.mean(values)) for key, values in columns.items() if values}


def thin_plate(photo: np.ndarray, source: np.ndarray, driver: np.ndarray) -> np.ndarray:
    """Baseline without networks: the photo warped by its own landmarks, border held."""
    where = thin_plate_map(np.r_[driver, BORDER], np.r_[source, BORDER], 96)
    return sample_map(photo, cv2.resize(where, (256, 256)))


def table(results: dict) -> str:
    lines = ["| method | clip | " + " | ".join(KEYS) + " |", "|---" * (len(KEYS) + 2) + "|"]
    cells = lambda row: " | ".join("–" if k not in row else f"{row[k]:.4f}" if k in ("l1", "ssim", "perceptual") else f"{row[k]:.2f}" for k in KEYS)
    for method, result in results.items():
        lines += [f"| {method} | {clip} | {cells(row)} |" for clip, row in result["clips"].items()]
        lines.append(f"| **{method}** | mean | {cells(result['mean_of_clips'])} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Bench:
    """What pictures are judged by."""

    cache: Cache
    tracker: Tracker
    perceptual: Perceptual
    points: str = "fk_engine"  # landmarks that drive
    every: int = 1  # of the cached frames

    def batch(self, source: int, driver: int) -> dict[str, torch.Tensor]:
        """One sample, as the networks take it."""
        c = self.cache
        tensor = lambda a: torch.from_numpy(np.array(a, np.float32))[None]
        facial = lambda row: tensor(np.r_[getattr(c, self.points)[row], c.iris[row][IRIS_CENTRES]])
        return dict(
            src=planar(c.frames[source]), smask=planar(c.masks[source]), back=planar(c.backs[source]), drv=planar(c.frames[driver]),
            fk_s=facial(source), fk_d=facial(driver), depth_s=tensor(np.r_[c.z[source], np.repeat(c.z[source][EYES].mean(), 2)]),
        )  # fmt: skip

    @torch.no_grad()
    def __call__(self, net: Portrait, out: Path, views: bool = False, baselines: bool = False) -> dict:
        """Numbers per method and clip; contact sheets into `out`."""
        c, points, scores = self.cache, getattr(self.cache, self.points), {}
        for clip in EVALUATION_CLIPS:
            first, *rest = np.flatnonzero(c.clip == clip)
            rows, photo, columns = np.array(rest[:: self.every]), np.array(c.frames[first]), []
            show = set(rows[np.linspace(0, len(rows) - 1, 8).astype(int)])
            for r in rows:
                driver, o = np.array(c.frames[r]), net(self.batch(first, r), views)
                found = {"model": picture(o["out"]), "warp": picture(o["warped"])}
                if baselines:
                    found |= {"copy": photo, "tps": thin_plate(photo, points[first], points[r])}
                want = landmarks(self.tracker, driver)
                for method, image in found.items():
                    scores.setdefault(method, {}).setdefault(clip, []).append(compare(image, driver, want, self.tracker, self.perceptual))
                if r in show:
                    columns.append([photo, driver, *map(picture, (o["out"], o["warped"], o["paint"], o["blend"].expand(-1, 3, -1, -1)))])
            cv2.imwrite(str(out / f"clip_{clip:03d}.png"), np.hstack([np.vstack(k) for k in columns])[..., ::-1])
        results = {}
        for method, clips in scores.items():
            means = {k: averages(rows) for k, rows in clips.items()}
            for k, rows in clips.items():
                means[k]["frames"] = len(rows)
            results[method] = dict(mean_of_clips=averages(means.values()), clips=means)
        return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("cache", "data", "mesh", "vgg", "checkpoint", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--points", choices=("fk_engine", "fk_v1", "fk_v2"), default="fk_engine", help="landmarks that drive")
    parser.add_argument("--baselines", action="store_true", help="also the unchanged photo and the thin-plate warp")
    parser.add_argument("--views", action="store_true", help="with pseudo views")
    parser.add_argument("--every", type=int, default=1, help="use every n-th cached frame")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(Cache(args.cache), Tracker(args.data / "models", args.mesh), Perceptual(args.vgg, torch.float32), args.points, args.every)
    results = bench(load(args.checkpoint), args.out, args.views, args.baselines)
    step = EVALUATION_STEP * args.every
    protocol = f"256 px, same identity, source = first frame, driver = every {step}th frame, landmarks {args.points}; distances in px of 256"
    rounded = lambda x: {k: rounded(v) for k, v in x.items()} if isinstance(x, dict) else round(x, 4) if isinstance(x, float) else x
    (args.out / "metrics.json").write_text(json.dumps({"protocol": protocol} | rounded(results["model"])))
    (args.out / "metrics.md").write_text(table(results) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
