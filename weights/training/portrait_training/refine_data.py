"""Labels, augmentation and metrics of the refiner."""

import json
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from .prepare import POSED, STILL, Job, pictures
from .presets import EVALUATION_CLIPS, EYES, INDICES, IRIS_CENTRES, IRISES, LIPS

PICTURE = 256  # side of all pictures
TRAIN_FRAMES = 350  # of a training clip, about, evenly spread, and never two in a row; evaluation clips are read whole


def at(*mesh: int) -> list[int]:
    return [INDICES.index(i) for i in mesh]


UPPER_LID, LOWER_LID = at(159, 386), at(145, 374)  # right, left
UPPER_LIP, LOWER_LIP = at(13), at(14)
CORNERS = at(33, 263)


class Labels:
    """Frames (N, 256, 256, 3), RGB; `v1` (N, 106, 2) and `v2` (N, 108, 2) in pixels; clip and frame numbers. Of re-posed photographs
    (clip POSED) `v2` is their geometry and the frame number the person."""

    def __init__(self, folder: Path):
        table = np.load(folder / "table.npz")
        self.clip, self.frame, self.v1, self.v2 = (table[k] for k in ("clip", "frame", "v1", "v2"))
        self.frames = np.memmap(folder / "frames.u8", np.uint8, "r", shape=(len(self.clip), PICTURE, PICTURE, 3))

    def share(self, rows: np.ndarray) -> np.ndarray:
        """How often rows are drawn: no clip and no opening of lids or mouth shall rule; stills are a fifth, re-posed ones another."""
        clip, face = self.clip[rows], np.linalg.norm(self.v2[rows, CORNERS[0]] - self.v2[rows, CORNERS[1]], axis=1)
        openings = [gap(self.v2[rows], a, b) / face for a, b in ((UPPER_LID, LOWER_LID), (UPPER_LIP, LOWER_LIP))]
        bins = sum(np.digitize(o, np.quantile(o, 0.99) * np.arange(1, 8) / 8) * 8**i for i, o in enumerate(openings))
        rare = lambda labels: 1 / np.sqrt(np.bincount(labels - labels.min())[labels - labels.min()])
        share, moving = rare(clip) * rare(bins), clip >= 0
        for kind in (STILL, POSED):
            share[clip == kind] *= share[moving].sum() / 3 / share[clip == kind].sum()
        return share


def label(job: Job, models: Path, mesh_v1: Path) -> dict[str, np.ndarray]:
    from .tracker import Tracker

    cv2.setNumThreads(1)
    tracker, rows = Tracker(models, mesh_v1), []
    for number, picture in pictures(job):
        picture = np.ascontiguousarray(picture)
        if job.clip == STILL:
            tracker.reset()
        found = tracker(picture)
        if found is not None:
            rows.append((number, picture, found[0][INDICES, :2], found[1][INDICES + IRIS_CENTRES, :2]))
    columns = dict(zip(("frame", "frames", "v1", "v2"), map(np.array, zip(*rows))))
    return {"clip": np.full(len(rows), job.clip)} | columns


def prepare(data: Path, mesh: Path, people: Path, out: Path, jobs: int):
    """Tracks all clips and stills with both meshes, and draws the re-posed stills of a cache, once."""
    from . import refine_posed  # here, since it needs what the networks' training needs, and that needs the refiner

    out.mkdir(parents=True, exist_ok=True)
    work = []
    for entry in json.loads((data / "clips/manifest.json").read_text()):
        step = 1 if entry["id"] in EVALUATION_CLIPS else max(2, round(entry["frames"] / TRAIN_FRAMES))
        work.append(Job(entry["id"], [data / "clips" / entry["split"] / f"{entry['id']:03d}.mp4"], step))
    stills = sorted((data / "stills").glob("*.jpg"))
    work += [Job(STILL, stills[i::8]) for i in range(8)]
    parts = []
    with open(out / "frames.u8", "wb") as file, ProcessPoolExecutor(jobs) as pool:
        tracked = pool.map(label, work, [data / "models"] * len(work), [mesh] * len(work))
        for part in chain(tracked, refine_posed.prepare(people, data / "models", mesh, jobs)):
            file.write(part.pop("frames").tobytes())
            parts.append(part)
    np.savez(out / "table.npz", **{name: np.concatenate([p[name] for p in parts]) for name in parts[0]})


def turned(points: np.ndarray, centre: np.ndarray, angle: float, scale: float, shift: np.ndarray) -> np.ndarray:
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return (points - centre) @ np.array([[c, s], [-s, c]]) + centre + shift


def jittered(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points of mesh v1 as a less lucky frame would have them: all moved together."""
    size = np.linalg.norm(points[CORNERS[0]] - points[CORNERS[1]])
    return turned(points, points.mean(0), rng.normal(0, 0.04), np.exp(rng.normal(0, 0.04)), rng.normal(0, 0.02 * size, 2))


def jitter_crops(crops, rng: np.random.Generator):
    """Each crop on its own: mesh v1 misplaces eyes and mouth."""
    for i in range(3):
        side = np.linalg.norm(crops.x[0, i])
        crops.centre[0, i] += rng.normal(0, 0.03 * side, 2)
        crops.x[0, i], crops.y[0, i] = turned(np.stack([crops.x[0, i], crops.y[0, i]]), 0, rng.normal(0, 0.03), np.exp(rng.normal(0, 0.03)), 0)


def near(picture: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of a picture that crops by these points may reach, and its corner."""
    p = points[EYES + LIPS]
    low, high = p.min(0), p.max(0)
    reach = 0.4 * (high - low).max()
    left, top = np.floor((low - reach).clip(0, PICTURE - 16)).astype(int)
    right, bottom = np.ceil((high + reach).clip(16, PICTURE)).astype(int)
    return picture[top:bottom, left:right], np.array([left, top], np.float32)


def degraded(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light, colour, and what cameras and codecs do."""
    x = picture.astype(np.float32) / 255
    height, width = x.shape[:2]
    x = x ** np.float32(np.exp(rng.normal(0, 0.25))) * np.exp(rng.normal(0, 0.1, 3) + rng.normal(0, 0.15)).astype(np.float32)
    x = x + np.float32(rng.normal(0, 0.04))
    if rng.random() < 0.15:
        x = x + (x.mean(2, keepdims=True) - x) * rng.uniform(0.3, 1)
    if rng.random() < 0.15:  # light from one side
        x = x * np.linspace(*np.exp(rng.normal(0, 0.4, 2)), width, dtype=np.float32)[None, :, None]
    if rng.random() < 0.25:
        x = x + rng.uniform(0.3, 1.5) * (x - cv2.GaussianBlur(x, (0, 0), 1.5))
    if rng.random() < 0.4:
        share = rng.uniform(0.3, 0.95)
        small = cv2.resize(x, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        x = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC)
    if rng.random() < 0.2:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.1:
        length, kernel = int(rng.integers(3, 8)), np.zeros((7, 7), np.float32)
        angle = rng.uniform(0, np.pi)
        end = (np.array([np.cos(angle), np.sin(angle)]) * length / 2).round().astype(int)
        cv2.line(kernel, tuple(map(int, 3 - end)), tuple(map(int, 3 + end)), 1.0)
        x = cv2.filter2D(x, -1, kernel / kernel.sum())
    if rng.random() < 0.4:
        x = x + rng.standard_normal(x.shape, np.float32) * np.float32(rng.uniform(0.005, 0.05))
    x = (x * 255).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))])[1], cv2.IMREAD_COLOR)
    return x


def occluded(atlas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sometimes a finger, a strand or a microphone over a part of one crop."""
    if rng.random() < 0.1:
        crop = atlas[3 * (c := int(rng.integers(3))) : 3 * c + 3].transpose(1, 2, 0).copy()
        ends = rng.integers(-10, 58, (2, 2))
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        cv2.line(crop, tuple(map(int, ends[0])), tuple(map(int, ends[1])), colour, int(rng.integers(2, 12)))
        atlas[3 * c : 3 * c + 3] = crop.transpose(2, 0, 1)
    return atlas


def gap(points: np.ndarray, upper: list[int], lower: list[int]) -> np.ndarray:
    """Mean distance of points that lie opposite each other, (B)."""
    return np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(1)


def metrics(points: np.ndarray, v2: np.ndarray, clip: np.ndarray, frame: np.ndarray) -> dict[str, float]:
    """Against the labels `v2` (mesh v2, or the geometry of re-posed photographs), pixels of 256, mean of clips. Openings: error; error
    about its median in the clip, since motion is transferred relative to a rest frame; slope (1: moves as far as the label). Lids of one
    eye, and how both differ, in all frames and in those in which they differ by 2.5 px and more. Jitter: the second difference over time
    of the error's course, which a tracker that follows smoothly does not have."""
    rows = []
    for c in np.unique(clip):
        mine = clip == c
        p, q = points[mine], v2[mine]
        row = {"eye_points": distance(p, q, EYES), "lip_points": distance(p, q, LIPS)}
        if p.shape[1] == v2.shape[1]:
            row["irises"] = distance(p, q, IRISES)
        for name, upper, lower in (("lid", UPPER_LID, LOWER_LID), ("mouth", UPPER_LIP, LOWER_LIP)):
            got, want = gap(p, upper, lower), gap(q, upper, lower)
            wrong = got - want
            row |= {f"{name}_opening": np.abs(wrong).mean(), f"{name}_about_median": np.abs(wrong - np.median(wrong)).mean()}
            row[f"{name}_slope"] = np.polyfit(want, got, 1)[0] if len(want) > 2 and np.ptp(want) > 0.5 else np.nan
            least = want <= np.quantile(want, 0.02)
            row[f"{name}_closed"] = wrong[least].mean()
        one = [gap(p, [above], [below]) - gap(q, [above], [below]) for above, below in zip(UPPER_LID, LOWER_LID)]
        row |= {"one_eye": np.abs(one).mean(), "between_eyes": np.abs(one[0] - one[1]).mean()}
        apart = np.abs(np.subtract(*(gap(q, [above], [below]) for above, below in zip(UPPER_LID, LOWER_LID)))) > 2.5
        row["between_unequal_eyes"] = np.abs(one[0] - one[1])[apart].mean() if apart.sum() > 4 else np.nan
        if (np.diff(frame[mine]) == 1).all():
            local = EYES + LIPS
            row["jitter"] = np.linalg.norm(np.diff(p[:, local], 2, 0), axis=2).mean()
            row["jitter_v2"] = np.linalg.norm(np.diff(q[:, local], 2, 0), axis=2).mean()
        rows.append(row)
    return {k: round(float(np.nanmean([r.get(k, np.nan) for r in rows])), 3) for k in {k: 0 for r in rows for k in r}}


def distance(p: np.ndarray, q: np.ndarray, which: list[int]) -> float:
    return np.linalg.norm(p[:, which] - q[:, which], axis=2).mean()
