"""Does the face mesh read in generated pictures what their labels say? Numbers, and a sheet to look at.

    python -m portrait_training.check --cache CACHE --data DATA --mesh face_landmark.tflite --samples 200 --out OUT

For every stream: how often the mesh finds the driver's face, the distance of the landmarks it reads (mesh v2, fresh detection) from the
labels in pixels of 256, mean over the 106 points (and without those of the outline) and share of points within 3 px; the same of the
iris centres in open eyes; the difference between the driver and the source warped by the flow, where the flow is known; samples a second of one core.
Sheets: source, driver, driver with its landmarks, warped source (dim where the flow is not known).
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from .ict import Fitter
from .prepare import SIDE
from .presets import INDICES
from .raster import bilinear
from .rows import Cache
from .stream import Recipe, Sampler, augment
from .tracker import Tracker

WITHIN = 3.0  # pixels
INNER = [i for i, mesh in enumerate(INDICES) if mesh not in Fitter.OVAL]
LIDS = [(INDICES.index(159), INDICES.index(145)), (INDICES.index(386), INDICES.index(374))]
ACROSS = 4  # samples in a row of the sheet


def pixels(points: np.ndarray) -> np.ndarray:
    return (points + 1) * ((SIDE - 1) / 2)


def compare(tracker: Tracker, item: dict) -> dict[str, float]:
    """One driver; distances are missing where no face was found."""
    tracker.reset()
    found = tracker(item["drv"])
    if found is None:
        return {"found": 0.0}
    truth = pixels(item["label_d"])
    far = np.linalg.norm(found[1][INDICES, :2] - truth, axis=1)
    row = {"found": 1.0, "px": far.mean(), "inner_px": far[INNER].mean(), "within": (far < WITHIN).mean(), "good": float(far.mean() < WITHIN)}
    iris = np.linalg.norm(found[1][[468, 473], :2] - pixels(item["iris_d"][[0, 5]]), axis=1)
    open_eyes = [np.linalg.norm(truth[a] - truth[b]) > 4 for a, b in LIDS]
    if any(open_eyes):
        row["iris_px"] = iris[open_eyes].mean()
    return row


def warped(item: dict) -> tuple[np.ndarray, np.ndarray]:
    """Source read through the flow, and where it is known."""
    flow = cv2.resize(item["flow"], (SIDE, SIDE))
    known = cv2.resize(item["flow_valid"], (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0
    return bilinear(item["src"], pixels(flow)), known


def strip(item: dict) -> np.ndarray:
    marked = item["drv"].copy()
    for points, colour in ((item["label_d"], (0, 255, 0)), (item["iris_d"], (255, 0, 0))):
        for x, y in pixels(points).round().astype(int):
            cv2.circle(marked, (int(x), int(y)), 1, colour, -1)
    picture, known = warped(item)
    return np.hstack([item["src"], item["drv"], marked, (picture * np.where(known, 1, 0.3)[..., None]).astype(np.uint8)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mesh", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sampler, tracker = Sampler(Cache(args.cache), Recipe()), Tracker(args.data / "models", args.mesh)
    report = {}
    for name, make in (("clips", sampler.pair), ("reposed", sampler.stills), ("rendered", sampler.rendered)):
        make(np.random.default_rng(0))  # compiles
        rows, strips, spent = [], [], 0.0
        for i in range(args.samples):
            rng, begin = np.random.default_rng((1, i)), time.process_time()
            item = augment(rng, make(rng), SIDE)
            spent += time.process_time() - begin
            row = compare(tracker, item)
            if item["flow_valid"].any():
                picture, known = warped(item)
                row["flow_difference"] = np.abs(picture - item["drv"])[known].mean()
            rows.append(row)
            if i < 6 * ACROSS:
                strips.append(strip(item))
        keys = dict.fromkeys(k for row in rows for k in row)
        report[name] = {k: round(float(np.mean([row[k] for row in rows if k in row])), 3) for k in keys}
        report[name]["samples_per_core_second"] = round(args.samples / spent, 1)
        print(name, report[name], flush=True)
        rest = -len(strips) % ACROSS
        strips += [np.zeros_like(strips[0])] * rest
        sheet = np.vstack([np.hstack(strips[i : i + ACROSS]) for i in range(0, len(strips), ACROSS)])
        cv2.imwrite(str(args.out / f"{name}.jpg"), sheet[..., ::-1])
    (args.out / "check.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
