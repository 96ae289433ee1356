"""Clips and stills to arrays on disk, once: frames, person masks, filled backgrounds, landmarks, irises.

    python -m portrait_training.prepare --data DATA --mesh face_landmark.tflite --out CACHE [--jobs 2]

DATA holds clips/{manifest.json,train,eval}, stills/ and models/; all pictures are 256 px. `face_landmark.tflite` (mesh v1) is
inside the PyPI wheel mediapipe 0.10.14.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .presets import EVALUATION_CLIPS, INDICES

SIDE = 256
TRAIN_FRAMES = 120  # at most, of a training clip, evenly spread
EVALUATION_STEP = 10
STILL, POSED = -1, -2  # clip ids of a still, and of a still re-posed


def normalised(pixels: np.ndarray) -> np.ndarray:
    """Pixel indices -> [-1, 1], align-corners."""
    return (np.asarray(pixels, np.float32) * (2 / (SIDE - 1)) - 1).astype(np.float32)


def fill_background(image: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Push-pull: keep what is outside the dilated person mask, fill the hole from coarser and coarser averages."""
    known = 1 - cv2.dilate((person > 40).astype(np.float32), np.ones((13, 13)))
    pyramid = [(image.astype(np.float32) * known[..., None], known)]
    while pyramid[-1][1].shape[0] > 2:
        pyramid.append(tuple(cv2.pyrDown(level) for level in pyramid[-1]))
    colour, weight = pyramid[-1]
    filled = colour / np.maximum(weight, 1e-4)[..., None] if weight.max() > 1e-3 else np.full_like(colour, 128)
    for level, (colour, weight) in reversed(list(enumerate(pyramid[:-1]))):
        above = cv2.pyrUp(filled, dstsize=weight.shape[::-1])
        trust = (weight if level == 0 else np.clip(4 * weight, 0, 1))[..., None]
        filled = colour / np.maximum(weight, 1e-4)[..., None] * trust + above * (1 - trust)
    return filled.clip(0, 255).astype(np.uint8)


@dataclass
class Job:
    """One clip, or a share of the stills."""

    clip: int
    files: list[Path]
    step: int = 1


def pictures(job: Job):
    """(frame number, RGB picture) of a job; consecutive frames of a clip, all stills."""
    if job.clip == STILL:
        for i, path in enumerate(job.files):
            yield i, cv2.imread(str(path))[..., ::-1]
        return
    capture = cv2.VideoCapture(str(job.files[0]))
    number = 0
    while capture.grab():
        if number % job.step == 0:
            yield number, capture.retrieve()[1][..., ::-1]
        number += 1


def run(job: Job, models: Path, mesh_v1: Path) -> dict[str, np.ndarray]:
    from .tracker import Tracker

    cv2.setNumThreads(1)
    tracker, rows = Tracker(models, mesh_v1), []
    for number, picture in pictures(job):
        picture = np.ascontiguousarray(picture)
        if job.clip == STILL:
            tracker.reset()
        found = tracker(picture)
        if found is None:
            continue
        mask = tracker.mask(picture)
        (v1, v2), mesh = (points[INDICES] for points in found), found[1][:, :2]
        rows.append(
            (
                number,
                picture,
                mask,
                fill_background(picture, mask),
                normalised(v1[:, :2]),
                normalised(v2[:, :2]),
                v2[:, 2] * 2 / (SIDE - 1),
                normalised(mesh[468:]),
                mesh,
            )
        )
    names = ("frame", "frames", "masks", "backs", "fk_v1", "fk_v2", "z", "iris", "mesh")
    return {"clip": np.full(len(rows), job.clip)} | {n: np.array(c) for n, c in zip(names, zip(*rows))}


def jobs(data: Path) -> list[Job]:
    manifest = json.loads((data / "clips/manifest.json").read_text())
    out = []
    for entry in manifest:
        held_out = entry["id"] in EVALUATION_CLIPS
        if held_out != (entry["split"] == "eval"):
            raise SystemExit(f"clip {entry['id']}: split {entry['split']} in the manifest, but the recipe disagrees")
        step = EVALUATION_STEP if held_out else max(2, -(-entry["frames"] // TRAIN_FRAMES))
        out.append(Job(entry["id"], [data / "clips" / entry["split"] / f"{entry['id']:03d}.mp4"], step))
    stills = sorted((data / "stills").glob("*.jpg"))
    return out + [Job(STILL, stills[i::8]) for i in range(8)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    files = {name: open(args.out / f"{name}.u8", "wb") for name in ("frames", "masks", "backs")}
    table: dict[str, list] = {}
    work = jobs(args.data)
    with ProcessPoolExecutor(args.jobs) as pool:
        for job, part in zip(work, pool.map(run, work, [args.data / "models"] * len(work), [args.mesh] * len(work))):
            print(f"clip {job.clip}: {len(part['clip'])} rows", flush=True)
            for name, column in part.items():
                if name in files:
                    files[name].write(column.tobytes())
                else:
                    table.setdefault(name, []).append(column)
    for file in files.values():
        file.close()
    columns = {name: np.concatenate([c for c in parts if len(c)]) for name, parts in table.items()}
    np.save(args.out / "mesh.npy", columns.pop("mesh"))  # (rows, 478, 2) pixels by mesh v2, for `fit` alone
    np.savez(args.out / "table.npz", **columns)
    print(f"{len(columns['clip'])} rows")


if __name__ == "__main__":
    main()
