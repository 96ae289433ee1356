"""Fit ICT-FaceKit to every still of a cache, once; writes fits.npz, rig.npz and motion.npz beside the pictures
and copies the parts of the rendered heads.

    python -m portrait_training.fit --cache CACHE --data DATA [--jobs 2]

DATA holds synth/ict_facekit_f16.npz, motion_arkit.npz and clips/manifest.json; of the motions only those of training clips are kept.
"""

import argparse
import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from .ict import Fitter, Ict, Landmarks, from_arkit, project
from .prepare import STILL
from .presets import EVALUATION_CLIPS
from .rig import Rig

WORST = 2.5  # pixels of root mean square; beyond it a fit is not used


def motions(path: Path, clips: list[int]) -> dict[str, np.ndarray]:
    """Expression weights and head rotations of the training clips, one row per frame, and the clip of each row."""
    file, rows = np.load(path), {"clip": [], "expression": [], "rotation": []}
    for clip in clips:
        if f"{clip:03d}_bs" in file and clip not in EVALUATION_CLIPS:
            coefficients = file[f"{clip:03d}_bs"].astype(np.float32)
            rows["clip"].append(np.full(len(coefficients), clip, np.int32))
            rows["expression"].append(from_arkit(coefficients).astype(np.float16))
            rows["rotation"].append(file[f"{clip:03d}_rot"].astype(np.float16))
    return {k: np.concatenate(v) for k, v in rows.items()}


def fit_all(ict: Path, points: np.ndarray) -> list[dict[str, np.ndarray]]:
    model, landmarks = Ict(ict), Landmarks.load()
    fitter, rows = Fitter(model, landmarks), []
    for p in points:
        fit = fitter(p)
        seen = project(fit.place(landmarks.at(model.shape(fit.identity, fit.expression))))
        row = dict(rotation=fit.rotation, translation=fit.translation, identity=fit.identity, expression=fit.expression, error=fit.error)
        rows.append({k: np.float32(v) for k, v in row.items()} | {"residual": (p - seen[:, :2]).astype(np.float16)})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    shutil.copytree(args.data / "synth/makehuman", args.cache / "makehuman", copy_function=shutil.copyfile, dirs_exist_ok=True)
    ict = args.data / "synth/ict_facekit_f16.npz"
    model = Ict(ict)
    Rig.build(model, Landmarks.load()).save(args.cache / "rig.npz")
    clips = [entry["id"] for entry in json.loads((args.data / "clips/manifest.json").read_text()) if entry["split"] == "train"]
    np.savez_compressed(args.cache / "motion.npz", **motions(args.data / "motion_arkit.npz", clips))
    table, mesh = np.load(args.cache / "table.npz"), np.load(args.cache / "mesh.npy", mmap_mode="r")
    stills = np.flatnonzero(table["clip"] == STILL)
    shares = np.array_split(mesh[stills][:, :468].astype(np.float64), 16)
    with ProcessPoolExecutor(args.jobs) as pool:
        rows = [row for part in pool.map(fit_all, [ict] * len(shares), shares) for row in part]
    columns = {k: np.stack([r[k] for r in rows]) for k in rows[0]}
    good = columns["error"] < WORST
    np.savez_compressed(args.cache / "fits.npz", row=stills[good], **{k: v[good] for k, v in columns.items()})
    print(f"{good.sum()} of {len(good)} stills fitted within {WORST} px; median residual {np.median(columns['error']):.2f} px")


if __name__ == "__main__":
    main()
