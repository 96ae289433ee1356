"""Shards hold what was prepared, and a batch comes from the same shard however a run got there."""

import tarfile

import numpy as np
import pytest
from small import Rows

from portrait_training.prepare import normalised
from portrait_training.shards import BATCHES, FIRST, Shards, add_clip
from portrait_training.stream import Recipe, Sampler, make


def clip(rng, frames: int) -> dict[str, np.ndarray]:
    smooth = np.kron(rng.integers(0, 255, (2, frames, 8, 8, 3), np.uint8), np.ones((1, 1, 32, 32, 1), np.uint8))
    points = lambda n: normalised(rng.uniform(60, 190, (frames, n, 2)))
    return dict(
        frame=np.arange(frames) * 3, frames=smooth[0], backs=smooth[1], masks=rng.integers(0, 255, (frames, 256, 256), np.uint8),
        fk_v1=points(106), fk_v2=points(106), iris=points(10), z=rng.normal(0, 0.1, (frames, 106)).astype(np.float32),
    )  # fmt: skip


def write(path, clips: dict):
    with tarfile.open(path, "w") as tar:
        for name, rows in clips.items():
            add_clip(tar, name, rows)


def test_a_shard_holds_what_was_prepared(tmp_path):
    rng = np.random.default_rng(0)
    clips = {"id1-a_b": clip(rng, 3), "id1-c": clip(rng, 2)}
    write(tmp_path / "clips-000000.tar", clips)
    read = Shards(tmp_path).read(0)
    assert read.clip.tolist() == [FIRST] * 3 + [FIRST + 1] * 2
    for key in ("fk_v2", "z", "iris", "masks"):
        assert np.array_equal(getattr(read, key), np.concatenate([c[key] for c in clips.values()])), key
    for key in ("frames", "backs"):
        want = np.concatenate([c[key] for c in clips.values()])
        assert np.abs(getattr(read, key).astype(int) - want).mean() < 3, key  # JPEG
    assert 0 < np.abs(read.fk_engine - np.concatenate([c["fk_v1"] for c in clips.values()])).max() < 1  # as the refiner sees noise


def test_batches_depend_on_seed_and_number_alone(tmp_path):
    rng = np.random.default_rng(1)
    for i in range(3):
        write(tmp_path / f"clips-{i:06d}.tar", {f"clip{i}": clip(rng, 3)})
    shards = Shards(tmp_path)
    seen = [shards.of_batch(7, n) for n in range(0, 6 * BATCHES, BATCHES)]
    assert sorted(seen[:3]) == sorted(seen[3:]) == [0, 1, 2]
    recipe = Recipe(size=64, batch=2, reposed=0, rendered=0)
    straight, later = (Sampler(Rows(), recipe, shards) for _ in range(2))
    for number in (0, BATCHES, 2 * BATCHES):
        batch = make(straight, 7, number)
    again = make(later, 7, 2 * BATCHES)
    assert all(np.array_equal(batch[k], again[k]) for k in batch)
    assert not np.array_equal(batch["src"], make(straight, 7, 0)["src"])


def test_a_torn_shard_and_an_empty_folder_are_said(tmp_path):
    with pytest.raises(SystemExit, match="no .*tar"):
        Shards(tmp_path)
    write(tmp_path / "whole.tar", {"a": clip(np.random.default_rng(2), 2)})
    with tarfile.open(tmp_path / "whole.tar") as whole, tarfile.open(tmp_path / "torn.tar", "w") as torn:
        for member in whole.getmembers()[:-1]:
            torn.addfile(member, whole.extractfile(member))
    with pytest.raises(SystemExit, match="torn.tar is not whole"):
        Shards(tmp_path).read(0)
