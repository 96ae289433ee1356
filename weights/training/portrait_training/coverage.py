"""How results fall off with the turn of the head: people that were never trained on, re-posed far beyond the poses of the pseudo views.

    python -m portrait_training.coverage --cache CACHE --data DATA --mesh face_landmark.tflite --checkpoint RUN/last.pt --out OUT [--views]

The first frame of every evaluation clip is fitted and turned as the training photographs are (repose.py), so the truth is the generator's:
exact for points and for what the photo shows, invented where it shows nothing. OUT gets table.md, coverage.json and a sheet for yaw and pitch:
of each person truth, result and warp, a column an angle.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from .evaluate import landmarks, picture, planar
from .export import load
from .ict import FOCAL, Fit, Fitter, Ict, Landmarks
from .networks import Portrait
from .prepare import SIDE, normalised
from .presets import EVALUATION_CLIPS, EYES, INDICES
from .repose import Person, Pose
from .rig import Rig
from .rows import Cache
from .stream import IRIS_CENTRES
from .tracker import Tracker

YAWS, PITCHES = (-40, -30, -20, -10, 0, 10, 20, 30, 40), (-25, -15, -8, 0, 8, 15, 25)
UNITS = {"l1": 4, "l1_shown": 4, "l1_hidden": 4, "akd": 2}  # decimals; colours in 0..=1, pixels of 256


def people(cache: Cache, ict: Path) -> list[Person]:
    """The first frame of each evaluation clip as textured geometry."""
    rig, fitter, mesh = Rig.load(cache.path / "rig.npz"), Fitter(Ict(ict), Landmarks.load()), np.load(cache.path / "mesh.npy", mmap_mode="r")
    out = []
    for clip in EVALUATION_CLIPS:
        row = np.flatnonzero(cache.clip == clip)[0]
        points, half = mesh[row, :468].astype(np.float64), (SIDE - 1) / 2
        fit: Fit = fitter(points[:, :2])
        shown = Person(rig, fit, np.zeros((468, 2)), cache.frames[row], cache.masks[row], cache.backs[row], (cache.iris[row] + 1.0) * half)
        residual = points[:, :2] - shown.original.points[:, :2]
        out.append(Person(rig, fit, residual, cache.frames[row], cache.masks[row], cache.backs[row], (cache.iris[row] + 1.0) * half))
    return out


def moment(net: Portrait, tracker: Tracker, person: Person, turn: tuple[float, float], views: bool) -> tuple[dict[str, dict[str, float]], np.ndarray]:
    """Errors of result and warp for one (yaw, pitch) in degrees, and a column of pictures."""
    yaw, pitch = np.radians(turn)
    truth = person.render(person.view(Pose(np.array([pitch, yaw, 0.0]), np.zeros(3), person.fit.expression)))
    _, shown = person.flow(truth, person.original)
    tensor = lambda *parts: torch.from_numpy(np.float32(np.concatenate(parts)))[None]
    facial = lambda view: tensor(normalised(person.rig.facial(view.points[:, :2])), normalised(view.iris)[IRIS_CENTRES])
    depth = person.rig.facial(person.original.points)[:, 2]
    depth = (depth - depth.mean()) * (FOCAL / depth.mean() * 2 / (SIDE - 1))
    batch = dict(src=planar(person.photo), smask=planar(person.mask), back=planar(person.back), drv=planar(truth.picture))
    batch |= dict(fk_s=facial(person.original), fk_d=facial(truth), depth_s=tensor(depth, np.repeat(depth[EYES].mean(), 2)))
    with torch.no_grad():
        o = net(batch, views)
    pictures, scores = {"result": picture(o["out"]), "warp": picture(o["warped"])}, {}
    inside = truth.mask > 128
    for method, image in pictures.items():
        apart = np.abs(image / 255.0 - truth.picture / 255.0).mean(2)
        row = {"l1": apart[inside].mean(), "l1_shown": apart[inside & shown].mean()}
        if (inside & ~shown).any():
            row["l1_hidden"] = apart[inside & ~shown].mean()
        found = landmarks(tracker, image)
        if found is not None:
            row["akd"] = np.linalg.norm(found[INDICES] - person.rig.facial(truth.points[:, :2]), axis=1).mean()
        scores[method] = {k: float(v) for k, v in row.items()}
    return scores, np.vstack([truth.picture, *pictures.values()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("cache", "data", "mesh", "checkpoint", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--views", action="store_true", help="with pseudo views")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    net, tracker = load(args.checkpoint), Tracker(args.data / "models", args.mesh)
    everybody = people(Cache(args.cache), args.data / "synth/ict_facekit_f16.npz")
    lines, report = ["| turn | method | " + " | ".join(UNITS) + " |", "|---" * (len(UNITS) + 2) + "|"], {}
    for axis, angles in (("yaw", YAWS), ("pitch", PITCHES)):
        columns = []
        for angle in angles:
            turn = (angle, 0) if axis == "yaw" else (0, angle)
            rows, strips = zip(*(moment(net, tracker, person, turn, args.views) for person in everybody))
            columns.append(np.vstack(strips))
            for method in rows[0]:
                means = {k: float(np.mean([r[method][k] for r in rows if k in r[method]])) for k in UNITS if any(k in r[method] for r in rows)}
                report.setdefault(f"{axis} {angle}", {})[method] = means
                cells = [f"{means[k]:.{digits}f}" if k in means else "–" for k, digits in UNITS.items()]
                lines.append(f"| {axis} {angle}° | {method} | " + " | ".join(cells) + " |")
        cv2.imwrite(str(args.out / f"{axis}.jpg"), np.hstack(columns)[..., ::-1])
    (args.out / "coverage.json").write_text(json.dumps(report, indent=1))
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
