"""A head without a model file: a bulging sheet with lips that open and lids that close, enough for re-posing to be checked."""

import numpy as np

from portrait_training.ict import EXPRESSIONS, FOCAL, Fit
from portrait_training.repose import BROW_BONE, LID_PAIRS
from portrait_training.rig import EYE, NEAR, SKIN, Rig

SIDE = 29  # vertices of the sheet


def sheet() -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.linspace(-8, 8, SIDE), np.linspace(10, -10, SIDE))
    v = np.stack([x, y, 11 - 0.06 * x**2 - 0.03 * y**2], -1).reshape(-1, 3)
    a = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).ravel()
    return v, np.concatenate([np.stack([a, a + SIDE, a + 1], 1), np.stack([a + 1, a + SIDE, a + SIDE + 1], 1)])


def rig() -> Rig:
    v, tri = sheet()
    n = len(v)
    find = lambda x, y: int(np.hypot(v[:, 0] - x, v[:, 1] - y).argmin())
    rng = np.random.default_rng(0)
    landmark = rng.choice(np.flatnonzero(np.abs(v[:, :2]).max(1) < 7), 468)
    for s, ((upper, lower), (brow, lid)) in enumerate(zip(LID_PAIRS, BROW_BONE)):
        x = (-3, 3)[s]
        for i, (above, below) in enumerate(zip(upper, lower)):
            landmark[above], landmark[below] = find(x + i - 1, 4), find(x + i - 1, 2.5)
        landmark[brow], landmark[lid] = find(x, 6), find(x, 4)
    landmark[152] = find(0, -8)
    expression = np.zeros((len(EXPRESSIONS), n + 10, 3))
    for s, side in enumerate("RL"):
        moved = np.isin(np.arange(n), landmark[LID_PAIRS[s][0]])
        expression[EXPRESSIONS.index(f"eyeBlink_{side}"), :n][moved] = (0, -1.5, 0)
    expression[EXPRESSIONS.index("jawOpen"), :n] = np.where(v[:, 1:2] < -3, (0, -1.5, 0), 0)
    centre, radius = np.array([[-3, 3, 6.0], [3, 3, 6]]), np.array([1.4, 1.4])
    ring = np.array([(0, 0, 1), (0.3, 0, 0.95), (0, 0.3, 0.95), (-0.3, 0, 0.95), (0, -0.3, 0.95)])
    eye = np.concatenate([np.zeros((n, 3)), ring, ring])
    whole = np.concatenate([v, centre[0] + ring * 1.4, centre[1] + ring * 1.4])
    fan = np.array([(0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 1)])
    inside = np.minimum(7.5 - np.abs(whole[:, 0]), 9 - np.abs(whole[:, 1])).clip(0, 1)
    far = np.linalg.norm(whole[:, None, :2] - v[landmark][None, :, :2], axis=2)
    return Rig(
        v=whole, identity=np.zeros((50, n + 10, 3)), expression=expression, triangles=np.concatenate([tri, fan + n, fan + n + 5]),
        kind=np.r_[np.full(n, SKIN), np.full(10, EYE)], alpha=inside, side=np.r_[np.zeros(n + 5), np.ones(5)].astype(int), eye=eye,
        twin=np.arange(n + 10), lower=np.zeros(n + 10, int), shade=np.ones(n + 10), lid=np.zeros((n + 10, 2)),
        near=far.argsort(1)[:, :NEAR], pull=np.full((n + 10, NEAR), 1 / NEAR) * np.r_[np.ones(n), np.zeros(10)][:, None],
        landmark=np.repeat(landmark[:, None], 3, 1), weight=np.full((468, 3), 1 / 3), centre=centre, radius=radius,
        lids=np.array([LID_PAIRS[0][0], LID_PAIRS[1][0]]), head_v=v, head_identity=np.zeros((50, n, 3)),
        head_expression=expression[:, :n], head_triangles=tri,
    ).typed()  # fmt: skip


def fit() -> Fit:
    return Fit(np.eye(3), np.array([0, 0, -FOCAL * 16 / 150]), np.zeros(50), np.zeros(len(EXPRESSIONS)))


def photo() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smooth picture, person mask, background."""
    y, x = np.mgrid[:256, :256]
    picture = np.stack([128 + 90 * np.sin(x / 17), 128 + 90 * np.cos(y / 23), 128 + 90 * np.sin((x + y) / 29)], -1).astype(np.uint8)
    mask = (np.hypot((x - 128) / 100, (y - 140) / 125) < 1).astype(np.uint8) * 255
    return picture, mask, np.full((256, 256, 3), 60, np.uint8)


def iris() -> np.ndarray:
    """(10, 2) pixels about where the eyeballs look straight ahead."""
    ring = np.array([(0, 0), (3, 0), (0, -3), (-3, 0), (0, 3)])
    return np.concatenate([ring + (100, 99), ring + (155, 99)]).astype(float)


def write(folder, stills: np.ndarray):
    """rig.npz, fits.npz and motion.npz for rows `stills`."""
    rig().save(folder / "rig.npz")
    f, n = fit(), len(stills)
    many = lambda a: np.repeat(np.asarray(a, np.float32)[None], n, 0)
    columns = dict(rotation=f.rotation, translation=f.translation, identity=f.identity, expression=f.expression, residual=np.zeros((468, 2)))
    np.savez(folder / "fits.npz", row=stills, **{k: many(v) for k, v in columns.items()})
    rng = np.random.default_rng(0)
    np.savez(folder / "motion.npz", clip=np.zeros(20, int), expression=rng.uniform(0, 0.5, (20, len(EXPRESSIONS))), rotation=np.zeros((20, 3, 3)))
