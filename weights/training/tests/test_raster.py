"""The rasteriser against its definition: every pixel against every triangle."""

import numpy as np
import pytest

from portrait_training.raster import bilinear, interpolate, rasterise


def brute_force(points, triangles, height, width, cull):
    """Nearest triangle and perspective-correct weights, pixel by pixel."""
    ids, depth, weights = np.full((height, width), -1), np.full((height, width), np.inf), np.zeros((height, width, 2))
    for y in range(height):
        for x in range(width):
            for k, (a, b, c) in enumerate(points[triangles]):
                m = np.array([a[:2] - c[:2], b[:2] - c[:2]]).T
                area = np.linalg.det(m)
                if area == 0 or (cull and area > 0) or min(a[2], b[2], c[2]) <= 0:
                    continue
                u, v = np.linalg.solve(m, np.array([x, y]) - c[:2])
                if min(u, v, 1 - u - v) < 0:
                    continue
                z = 1 / (u / a[2] + v / b[2] + (1 - u - v) / c[2])
                if z < depth[y, x]:
                    ids[y, x], depth[y, x], weights[y, x] = k, z, (u / a[2] * z, v / b[2] * z)
    return ids, weights, depth


@pytest.mark.parametrize("height, width, count, cull", [(13, 7, 9, False), (1, 31, 5, False), (24, 1, 25, True), (17, 19, 30, True)])
def test_against_brute_force(height, width, count, cull):
    rng = np.random.default_rng(count + height)
    points = np.c_[rng.uniform(-6, (width + 6, height + 6), (3 * count, 2)), rng.uniform(-0.5, 5, 3 * count)]
    triangles = rng.integers(0, len(points), (count, 3))  # some share corners, some are degenerate, some lie behind the eye
    got, want = rasterise(points, triangles, height, width, cull), brute_force(points, triangles, height, width, cull)
    assert (want[0] >= 0).any() and (got[0] == want[0]).all()
    np.testing.assert_allclose(got[1], want[1], atol=1e-5)
    np.testing.assert_allclose(got[2], want[2], rtol=1e-5)
    values = rng.normal(size=(len(points), 5))
    u, v = np.moveaxis(want[1], -1, 0)[..., None]
    corners = values[triangles[want[0]]]
    expected = np.where(want[0][..., None] >= 0, u * corners[..., 0, :] + v * corners[..., 1, :] + (1 - u - v) * corners[..., 2, :], 0)
    np.testing.assert_allclose(interpolate(got[0], got[1], triangles, values), expected, atol=1e-4)


def test_the_comparison_can_fail():
    points, triangles = np.array([[0.2, 0.1, 1], [9, 0, 1], [0, 9, 2]]), np.array([[0, 1, 2]])
    moved = points + (1.6, 0, 0)
    assert (rasterise(points, triangles, 9, 9)[0] != brute_force(moved, triangles, 9, 9, False)[0]).any()


def test_perspective_keeps_planes_flat():
    """A receding floor: the middle of the screen edge is not the middle of the floor."""
    points, triangles = np.array([[0, 0, 1.0], [8, 0, 4.0], [0, 8, 1.0]]), np.array([[0, 1, 2]])
    ids, bary, _ = rasterise(points, triangles, 9, 9)
    along = interpolate(ids, bary, triangles, np.array([[0.0], [1], [0]]))
    assert abs(along[0, 4, 0] - 0.2) < 1e-6  # (1/2 * 1/4) / (1/2 * 1 + 1/2 * 1/4)


def test_bilinear_repeats_edges():
    picture = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    at = np.array([[0, 0], [3, 2], [1.5, 0.5], [-5, 1], [9, 9], [3, 0.25]], np.float32)
    np.testing.assert_allclose(bilinear(picture, at)[:, 0], [0, 11, 3.5, 4, 11, 4])
