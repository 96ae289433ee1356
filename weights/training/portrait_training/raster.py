"""A z-buffer rasteriser for a few ten thousand triangles, on one CPU core.

Screen coordinates are pixel indices: the centre of pixel (row, column) is at x = column, y = row. Depth grows away from the eye and
is positive; attributes are interpolated perspective-correctly (1/depth is linear on the screen), so a constant depth means weak perspective.
"""

import numpy as np
from numba import njit


@njit(cache=True, fastmath=False, nogil=True)
def _fill(points, triangles, cull, uv, opacity, ids, bary, depth):
    height, width = ids.shape
    cut = len(uv) > 0
    for k in range(len(triangles)):
        a, b, c = triangles[k]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        if not (az > 0 and bz > 0 and cz > 0):
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or (cull and area > 0):
            continue
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        ia, ib, ic = 1 / az, 1 / bz, 1 / cz
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                inverse = u * ia + v * ib + w * ic
                z = 1 / inverse
                if z < depth[y, x]:
                    p, q = u * ia * z, v * ib * z
                    if cut:
                        tx = p * uv[a, 0] + q * uv[b, 0] + (1 - p - q) * uv[c, 0]
                        ty = p * uv[a, 1] + q * uv[b, 1] + (1 - p - q) * uv[c, 1]
                        if opacity[min(max(int(ty + 0.5), 0), opacity.shape[0] - 1), min(max(int(tx + 0.5), 0), opacity.shape[1] - 1)] < 128:
                            continue
                    depth[y, x], ids[y, x] = z, k
                    bary[y, x, 0], bary[y, x, 1] = p, q


def rasterise(points: np.ndarray, triangles: np.ndarray, height: int, width: int, cull: bool = False, cutout: tuple | None = None):
    """Nearest triangle of each pixel.

    points (N, 3) of screen x, screen y, depth; triangles (M, 3). `cull` drops triangles that are clockwise to an eye that sees y
    downwards (positive signed area), which is what outward-facing ones become seen from behind. `cutout` = (texture positions (N, 2),
    opacity u8 (h, w)): where the opacity is below 128 there is a hole.
    -> triangle ids (H, W), -1 for none; perspective-correct weights of the first two corners (H, W, 2); depth (H, W), inf for none.
    """
    ids = np.full((height, width), -1, np.int32)
    bary, depth = np.zeros((height, width, 2), np.float32), np.full((height, width), np.inf, np.float32)
    uv, opacity = cutout or (np.zeros((0, 2)), np.zeros((1, 1), np.uint8))
    points, triangles = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(triangles, np.int32)
    _fill(points, triangles, cull, np.ascontiguousarray(uv, np.float32), opacity, ids, bary, depth)
    return ids, bary, depth


@njit(cache=True, nogil=True)
def _interpolate(ids, bary, triangles, values, out):
    height, width = ids.shape
    for y in range(height):
        for x in range(width):
            k = ids[y, x]
            if k >= 0:
                u, v = bary[y, x, 0], bary[y, x, 1]
                w = 1 - u - v
                a, b, c = triangles[k]
                for i in range(values.shape[1]):
                    out[y, x, i] = u * values[a, i] + v * values[b, i] + w * values[c, i]


def interpolate(ids: np.ndarray, bary: np.ndarray, triangles: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Vertex values (N, C) at the pixels of `rasterise` -> (H, W, C) f32; zero where there is no triangle."""
    out = np.zeros((*ids.shape, values.shape[1]), np.float32)
    _interpolate(ids, bary, np.ascontiguousarray(triangles, np.int32), np.ascontiguousarray(values, np.float32), out)
    return out


@njit(cache=True, nogil=True)
def _bilinear(picture, x, y, out):
    height, width, channels = picture.shape
    for i in range(len(out)):
        px, py = min(max(x[i], np.float32(0)), np.float32(width - 1)), min(max(y[i], np.float32(0)), np.float32(height - 1))
        x0, y0 = min(int(px), width - 2), min(int(py), height - 2)
        fx, fy = px - x0, py - y0
        for c in range(channels):
            top = picture[y0, x0, c] * (1 - fx) + picture[y0, x0 + 1, c] * fx
            low = picture[y0 + 1, x0, c] * (1 - fx) + picture[y0 + 1, x0 + 1, c] * fx
            out[i, c] = top * (1 - fy) + low * fy


def bilinear(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A picture (H, W, C), at least 2x2, read at pixel positions (..., 2), edges repeated -> (..., C) f32."""
    flat = np.ascontiguousarray(where.reshape(-1, 2), np.float32)
    out = np.empty((len(flat), picture.shape[2]), np.float32)
    _bilinear(np.ascontiguousarray(picture), flat[:, 0], flat[:, 1], out)
    return out.reshape(*where.shape[:-1], picture.shape[2])
