"""A cache survives its journey in packs."""

import json

import cv2
import numpy as np
import pytest

from portrait_training import pack
from portrait_training.prepare import SIDE, fill_background, jobs, pictures


@pytest.fixture
def cache(tmp_path):
    """Data folder with two short clips and nine stills, and what `prepare` and `fit` would have made of it."""
    data, cache, rng = tmp_path / "data", tmp_path / "cache", np.random.default_rng(0)
    for folder in (data / "clips/train", data / "stills", cache / "makehuman/tex"):
        folder.mkdir(parents=True)
    blur = lambda: cv2.GaussianBlur(rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8), (0, 0), 9)
    for clip in (0, 1):
        writer = cv2.VideoWriter(str(data / f"clips/train/{clip:03d}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (SIDE, SIDE))
        for _ in range(7):
            writer.write(blur())
        writer.release()
    (data / "clips/manifest.json").write_text(json.dumps([dict(id=i, split="train", frames=7) for i in (0, 1)]))
    for i in range(9):
        cv2.imwrite(str(data / f"stills/s{i}.jpg"), blur())
    rows = [(job.clip, number, np.ascontiguousarray(p)) for job in jobs(data) for number, p in pictures(job)]
    frames = np.stack([p for _, _, p in rows])
    masks = np.zeros(frames.shape[:3], np.uint8)
    masks[:, 60:, 70:190] = 255
    backs = np.stack([fill_background(f, m) for f, m in zip(frames, masks)])
    for name, array in (("frames", frames), ("masks", masks), ("backs", backs)):
        array.tofile(cache / f"{name}.u8")
    points = {k: rng.uniform(-0.5, 0.5, (len(rows), n)).astype(np.float32) for k, n in zip(pack.POINTS, (212, 212, 106, 20))}
    np.savez(cache / "table.npz", clip=np.array([r[0] for r in rows]), frame=np.array([r[1] for r in rows]), **points)
    for name in ("rig.npz", "fits.npz", "motion.npz", "vgg.npz", "makehuman/head.npz", "makehuman/tex/a.png"):
        (cache / name).write_bytes(rng.bytes(900))
    return data, cache


def test_round_trip(cache, tmp_path, monkeypatch):
    data, cache = cache
    monkeypatch.setattr(pack, "PART", 40_000)
    monkeypatch.setattr(pack, "PACK", 130_000)
    sizes = pack.pack(cache, data, cache / "vgg.npz", tmp_path / "packs")
    parts = list((tmp_path / "packs").glob("*/part.*"))
    assert len(sizes) > 1 and max(sizes.values()) <= 130_000 and max(p.stat().st_size for p in parts) <= 40_000
    (tmp_path / "packs/pack1").rename(tmp_path / "late")
    with pytest.raises(SystemExit, match="not all"):
        pack.unpack(tmp_path / "packs", tmp_path / "new", 1)
    (tmp_path / "late").rename(tmp_path / "packs/pack1")
    pack.unpack(tmp_path / "packs", tmp_path / "new", 1)
    read = lambda root, name: np.fromfile(root / f"{name}.u8", np.uint8).astype(int)
    assert (read(cache, "frames") == read(tmp_path / "new", "frames")).all()
    for name, most in (("masks", 2), ("backs", 1)):
        assert np.abs(read(cache, name) - read(tmp_path / "new", name)).mean() < most
    old, new = np.load(cache / "table.npz"), np.load(tmp_path / "new/table.npz")
    assert all(np.abs(old[k] - new[k]).max() <= pack.UNIT for k in pack.POINTS) and (old["clip"] == new["clip"]).all()
    assert (cache / "rig.npz").read_bytes() == (tmp_path / "new/rig.npz").read_bytes()
    assert (tmp_path / "new/makehuman/tex/a.png").exists()


def test_damage_is_noticed(cache, tmp_path):
    data, cache = cache
    pack.pack(cache, data, cache / "vgg.npz", tmp_path / "packs")
    part = tmp_path / "packs/pack0/part.00"
    content = bytearray(part.read_bytes())
    content[5000] ^= 1
    part.write_bytes(content)
    with pytest.raises(SystemExit, match="damaged"):
        pack.unpack(tmp_path / "packs", tmp_path / "new", 1)
