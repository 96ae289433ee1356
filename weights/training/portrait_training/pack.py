"""A prepared cache as small files, to train on a machine that gets only so many megabytes at a time.

    python -m portrait_training.pack pack   --cache CACHE --data DATA --vgg VGG.npz --out PACKS
    python -m portrait_training.pack unpack --packs PACKS --out CACHE [--jobs 16]

`pack` writes PACKS/NAME/part.NN, each at most 14 MB, each NAME at most 60 MB; packs may arrive one after another. `unpack` checks and
joins what has arrived, and once everything is there rebuilds the cache, VGG.npz beside it. Frames travel as the clips and stills
themselves, so they lose nothing; person masks as WebP; points as 1/64 pixel; backgrounds are filled again. Samples of re-posed
photographs and rendered heads are made on the spot from the fits.
"""

import argparse
import hashlib
import io
import json
import tarfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from .prepare import SIDE, STILL, Job, fill_background, jobs, pictures

PART, PACK = 14_000_000, 60_000_000  # bytes
QUALITY = 80  # of the masks
UNIT = 2 / (SIDE - 1) / 64  # points are kept as multiples of 1/64 pixel
POINTS = ("fk_v1", "fk_v2", "z", "iris")


def sources(data: Path, clip: np.ndarray, frame: np.ndarray) -> list[tuple[Job, np.ndarray]]:
    """The job of `prepare` behind each run of rows, and those rows."""
    work, rows = jobs(data), np.arange(len(clip))
    starts = np.flatnonzero(np.r_[True, (clip[1:] != clip[:-1]) | (frame[1:] <= frame[:-1])])
    parts = np.split(rows, starts[1:])
    made = [job for job in work if job.clip == STILL or (clip == job.clip).any()]
    if len(made) != len(parts) or any(job.clip != clip[part[0]] for job, part in zip(made, parts)):
        raise SystemExit("the rows of the cache are not in the order of this data folder: run portrait_training.prepare again")
    return list(zip(made, parts))


def members(cache: Path, data: Path, vgg: Path):
    """(name, content) of all that travels, large things first."""
    table = dict(np.load(cache / "table.npz"))
    clip, frame = table["clip"], table["frame"]
    masks = np.memmap(cache / "masks.u8", np.uint8, "r", shape=(len(clip), SIDE, SIDE))
    runs = sources(data, clip, frame)
    listed = []
    for job, rows in runs:
        files = [str(f.relative_to(data)) for f in job.files]
        listed.append(dict(clip=job.clip, step=job.step, files=files, first=int(rows[0]), count=len(rows)))
    coded = [cv2.imencode(".webp", m, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1].tobytes() for m in masks]
    index = np.cumsum([0] + [len(c) for c in coded])
    yield "vgg.npz", vgg.read_bytes()
    yield "masks.webp", b"".join(coded)
    for name in ("rig.npz", "fits.npz", "motion.npz"):
        yield name, (cache / name).read_bytes()
    small = {k: np.round(table[k] / UNIT).astype(np.int16) for k in POINTS} | {"clip": clip, "frame": frame, "mask_index": index}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **small)
    yield "table.npz", buffer.getvalue()
    yield "sources.json", json.dumps(listed).encode()
    for path in sorted((cache / "makehuman").rglob("*.*")):
        yield str(path.relative_to(cache)), path.read_bytes()
    for job in listed:
        for name in job["files"]:
            yield name, (data / name).read_bytes()


def pack(cache: Path, data: Path, vgg: Path, out: Path) -> dict[str, int]:
    """-> bytes of each pack."""
    bins: list[list[tuple[str, bytes]]] = []
    sizes: list[int] = []
    overhead = 2048  # of a member in a tar file, at most, its padding included
    for name, content in members(cache, data, vgg):
        size = len(content) + overhead
        if size > PACK:
            raise SystemExit(f"{name} alone is {size / 1e6:.0f} MB; a pack holds {PACK / 1e6:.0f} MB")
        k = next((i for i, used in enumerate(sizes) if used + size <= PACK - 20480), len(bins))
        if k == len(bins):
            bins.append([])
            sizes.append(0)
        bins[k].append((name, content))
        sizes[k] += size
    total = {}
    for k, content in enumerate(bins):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, data_ in content:
                entry = tarfile.TarInfo(name)
                entry.size = len(data_)
                tar.addfile(entry, io.BytesIO(data_))
        whole, folder = buffer.getvalue(), out / f"pack{k}"
        folder.mkdir(parents=True, exist_ok=True)
        parts = [whole[i : i + PART] for i in range(0, len(whole), PART)]
        for i, part in enumerate(parts):
            (folder / f"part.{i:02d}").write_bytes(part)
        contents = {"packs": len(bins), "parts": len(parts), "sha256": hashlib.sha256(whole).hexdigest()}
        (folder / "pack.json").write_text(json.dumps(contents))
        total[folder.name] = len(whole)
    return total


def join(folder: Path, out: Path) -> int:
    """Extract one pack; -> how many packs there are in all."""
    contents = json.loads((folder / "pack.json").read_text())
    missing = [i for i in range(contents["parts"]) if not (folder / f"part.{i:02d}").exists()]
    if missing:
        raise SystemExit(f"{folder}: parts {missing} of {contents['parts']} are missing")
    whole = b"".join((folder / f"part.{i:02d}").read_bytes() for i in range(contents["parts"]))
    if hashlib.sha256(whole).hexdigest() != contents["sha256"]:
        raise SystemExit(f"{folder}: damaged on the way (checksum differs): send it again")
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        tar.extractall(out, filter="data")
    return contents["packs"]


def rebuild(source: dict, data: Path, cache: Path, total: int, numbers: np.ndarray, index: np.ndarray):
    """Frames, masks and backgrounds of one run of rows into the arrays on disk."""
    cv2.setNumThreads(1)
    at = lambda name, *tail: np.memmap(cache / f"{name}.u8", np.uint8, "r+", shape=(total, SIDE, SIDE, *tail))
    frames, masks, backs = at("frames", 3), at("masks"), at("backs", 3)
    coded = np.memmap(data / "masks.webp", np.uint8, "r")
    job = Job(source["clip"], [data / f for f in source["files"]], source["step"])
    rows = {int(n): source["first"] + i for i, n in enumerate(numbers)}
    for number, picture in pictures(job):
        if number in rows:
            row = rows.pop(number)
            masks[row] = cv2.imdecode(coded[index[row] : index[row + 1]], cv2.IMREAD_GRAYSCALE)
            frames[row] = picture
            backs[row] = fill_background(frames[row], masks[row])
    if rows:
        raise RuntimeError(f"clip {source['clip']}: frames {sorted(rows)} could not be decoded")


def unpack(packs: Path, out: Path, workers: int):
    """Rebuilds the cache in `out`; raises SystemExit with what is missing."""
    data, folders = out / "packed", sorted(p.parent for p in packs.glob("*/pack.json"))
    data.mkdir(parents=True, exist_ok=True)
    if not folders or len(folders) < join(folders[0], data):
        raise SystemExit(f"{packs}: {len(folders)} packs have arrived, not all yet")
    for folder in folders[1:]:
        join(folder, data)
    table, listed = dict(np.load(data / "table.npz")), json.loads((data / "sources.json").read_text())
    index, total = table.pop("mask_index"), len(table["clip"])
    for name, depth in (("frames", 3), ("masks", 1), ("backs", 3)):
        with open(out / f"{name}.u8", "wb") as file:
            file.truncate(total * SIDE * SIDE * depth)
    with ProcessPoolExecutor(workers) as pool:
        numbers = [table["frame"][s["first"] : s["first"] + s["count"]] for s in listed]
        futures = [pool.submit(rebuild, s, data, out, total, n, index) for s, n in zip(listed, numbers)]
        for future in futures:
            future.result()
    for name in POINTS:
        table[name] = table[name] * np.float32(UNIT)
    for name in ("rig.npz", "fits.npz", "motion.npz", "vgg.npz", "makehuman"):
        if not (out / name).exists():
            (data / name).rename(out / name)
    np.savez(out / "table.npz", **table)  # last: a cache without a table is not complete


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("pack")
    for name in ("cache", "data", "vgg", "out"):
        one.add_argument(f"--{name}", type=Path, required=True)
    two = commands.add_parser("unpack")
    two.add_argument("--packs", type=Path, required=True)
    two.add_argument("--out", type=Path, required=True)
    two.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    if args.command == "unpack":
        return unpack(args.packs, args.out, args.jobs)
    for name, size in pack(args.cache, args.data, args.vgg, args.out).items():
        print(f"{name}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
