"""More clips than a cache holds: WebDataset shards, tar files of whole clips.

    python -m portrait_training.shards --clips FOLDER --models DATA/models --mesh face_landmark.tflite --out SHARDS [--jobs 2] [--clips-per-shard 8]

FOLDER holds *.mp4 at any depth, one person each, the face cut out at 256 x 256 as for VoxCeleb. Every frame becomes four members of one key,
CLIP_FRAME: `jpg`, `mask.png`, `back.jpg`, and `points.npz` with fk_engine, fk_v2 (106, 2), z (106) and iris (10, 2) in [-1, 1]. A shard
that is there already is not made again. A training process holds one shard at a time: 0.5 MB a frame, decoded.
"""

import argparse
import io
import os
import tarfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from .prepare import TRAIN_FRAMES, Job, run
from .rows import Rows, engine_points

POINTS = ("fk_engine", "fk_v2", "z", "iris")
FIRST = 1 << 20  # number of a shard's first clip: none of the evaluation's
BATCHES = 200  # that are drawn from a shard before the next


class Shard(Rows):
    """One shard, decoded. `clip` numbers the clips of this shard."""

    def __init__(self, path: Path):
        columns: dict[str, list[np.ndarray]] = {k: [] for k in ("frames", "masks", "backs", *POINTS)}
        names: list[str] = []
        with tarfile.open(path) as tar:
            for member in tar:
                key, extension = Path(member.name).name.split(".", 1)
                content = np.frombuffer(tar.extractfile(member).read(), np.uint8)
                if extension == "jpg":
                    names.append(key.rsplit("_", 1)[0])
                    columns["frames"].append(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])
                elif extension == "mask.png":
                    columns["masks"].append(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE))
                elif extension == "back.jpg":
                    columns["backs"].append(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])
                elif extension == "points.npz":
                    points = np.load(io.BytesIO(content.tobytes()))
                    for name in POINTS:
                        columns[name].append(points[name])
        if not names or any(len(column) != len(names) for column in columns.values()):
            found = {k: len(v) for k, v in columns.items()}
            raise SystemExit(f"{path} is not whole, {len(names)} frames and {found}: make it again")
        self.clip = np.unique(names, return_inverse=True)[1] + FIRST
        self.frames, self.masks, self.backs, self.fk_engine, self.fk_v2, self.z, self.iris = (np.stack(column) for column in columns.values())


class Shards:
    """The shards of a folder. Which one a batch comes from depends on (seed, number of the batch) alone."""

    def __init__(self, folder: Path):
        self.paths = sorted(Path(folder).glob("*.tar"))
        if not self.paths:
            raise SystemExit(f"{folder} has no *.tar: make shards with portrait_training.shards")

    def of_batch(self, seed: int, number: int) -> int:
        """Shards in an order that is new each time all were seen."""
        turn = number // BATCHES
        order = np.random.default_rng((seed, 1, turn // len(self.paths))).permutation(len(self.paths))
        return int(order[turn % len(self.paths)])

    def read(self, index: int) -> Shard:
        return Shard(self.paths[index])


def frames_of(path: Path) -> int:
    capture = cv2.VideoCapture(str(path))
    size = tuple(int(capture.get(k)) for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if size != (256, 256):
        raise SystemExit(f"{path} is {size[0]} x {size[1]}: cut out the face at 256 x 256 first")
    return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))


def add_clip(tar: tarfile.TarFile, name: str, rows: dict[str, np.ndarray]):
    """Appends what `prepare.run` made of a clip."""

    def add(extension: str, content: bytes):
        entry = tarfile.TarInfo(f"{key}.{extension}")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))

    points = dict(fk_engine=engine_points(rows["frames"], rows["fk_v1"])) | {k: rows[k] for k in POINTS[1:]}
    picture = lambda p, kind, *options: cv2.imencode(kind, p, options)[1].tobytes()
    for i, number in enumerate(rows["frame"]):
        key, packed = f"{name}_{number:06d}", io.BytesIO()
        np.savez(packed, **{k: np.float32(v[i]) for k, v in points.items()})
        add("jpg", picture(rows["frames"][i][..., ::-1], ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95))
        add("mask.png", picture(rows["masks"][i], ".png"))
        add("back.jpg", picture(rows["backs"][i][..., ::-1], ".jpg", cv2.IMWRITE_JPEG_QUALITY, 90))
        add("points.npz", packed.getvalue())


def write(out: Path, clips: dict[str, Path], models: Path, mesh_v1: Path):
    """One shard of these clips, {name: file}; whole or not at all."""
    part = out.with_suffix(".part")
    with tarfile.open(part, "w") as tar:
        for name, path in clips.items():
            rows = run(Job(0, [path], max(1, -(-frames_of(path) // TRAIN_FRAMES))), models, mesh_v1)
            if len(rows["clip"]):  # somebody was seen
                add_clip(tar, name, rows)
    os.replace(part, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("clips", "models", "mesh", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--clips-per-shard", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    files = sorted(args.clips.rglob("*.mp4"))
    # A name has no dot and no folder: both mean something in a shard.
    named = {"-".join(f.relative_to(args.clips).with_suffix("").parts).replace(".", "-"): f for f in files}
    if not files or len(named) < len(files):
        raise SystemExit(f"{args.clips}: {len(files)} mp4 files, {len(named)} different names")
    names = list(named)
    np.random.default_rng(0).shuffle(names)  # a shard is a mixture
    work = {}
    for i in range(0, len(names), args.clips_per_shard):
        out = args.out / f"clips-{i // args.clips_per_shard:06d}.tar"
        if not out.exists():
            work[out] = {name: named[name] for name in names[i : i + args.clips_per_shard]}
    with ProcessPoolExecutor(args.jobs) as pool:
        for i, _ in enumerate(pool.map(partial(write, models=args.models, mesh_v1=args.mesh), work, work.values()), 1):
            print(f"{i} of {len(work)} shards", flush=True)


if __name__ == "__main__":
    main()
