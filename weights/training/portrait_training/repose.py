"""Re-posed photographs: a still in other poses and expressions, with exact flow, masks, landmarks and irises between any two of them.

Two layers are drawn over the still's filled background. The *relief* is the photograph cut out by its person mask on a grid with the
depth of the fitted head, extended outwards: it turns with the head, less and less down the neck, and carries hair, ears and neck. The
*face* is ICT-FaceKit (rig.py) with the photograph projected on it; lids, lips, eyeballs and teeth move by themselves. In the pose
of the photograph both show exactly the photograph, so a still and its re-posed views are samples of one geometry.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from .ict import EXPRESSIONS, FOCAL, Fit, project, rotation
from .raster import bilinear, interpolate, rasterise
from .rig import EYE, GUMS, LINING, SKIN, SOCKET, TEETH, Rig

SIDE, FINE = 256, 2  # picture side; drawn at FINE times the resolution
PITCH, MARGIN = 4, 16  # of the relief grid, pixels; how far it reaches beyond the picture
EYE_SIDE = 64  # of an eyeball's own texture
PIVOT = np.array([0.0, -6.0, -1.0])  # head turns about this point of the model
NECK = (1.0, 10.0)  # centimetres below the chin between which the turn fades out
DRAG = 7.0  # pixels within which the relief follows a landmark's expression
BEHIND = 0.25  # centimetres by which eyeballs are set back, so that half-closed lids cover them
SEEN = 0.4  # centimetres of depth within which a point counts as the visible one
COLOURS = {LINING: (105, 42, 42), GUMS: (175, 90, 90), TEETH: (235, 226, 212)}
BLINKS = [EXPRESSIONS.index(f"eyeBlink_{side}") for side in "RL"]
LID_PAIRS = [([160, 159, 158], [144, 145, 153]), ([387, 386, 385], [373, 374, 380])]  # upper and lower landmarks, right and left
BROW_BONE = [([52, 65], [159]), ([282, 295], [386])]  # lower edge of the brow, upper lid


@dataclass
class Pose:
    """Where a view differs from the photograph."""

    turn: np.ndarray  # axis times angle, camera frame, added to the photograph's
    shift: np.ndarray  # centimetres
    expression: np.ndarray  # (55)
    gaze: np.ndarray | None = None  # (2, 2) of eyes: yaw, pitch in radians; None: as in the photograph


@dataclass
class View:
    """Geometry of the person in one pose; screen coordinates as `ict.project`."""

    face: np.ndarray  # (n, 3)
    relief: np.ndarray  # (g, 3)
    points: np.ndarray  # (468, 3) landmarks
    iris: np.ndarray  # (10, 2) pixels
    closed: np.ndarray  # (2) how far eyes close from the photograph to this pose, 0 to 1, right and left
    picture: np.ndarray | None = None  # u8 (SIDE, SIDE, 3)
    mask: np.ndarray | None = None  # u8 (SIDE, SIDE)
    layers: tuple | None = None  # rasterised face and relief


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Relief vertices (g, 2) in pixels and triangles."""
    axis = np.arange(-MARGIN, SIDE + MARGIN, PITCH, np.float32)
    n = len(axis)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    return points, np.concatenate([np.stack([a, a + n, a + 1], 1), np.stack([a + 1, a + n, a + n + 1], 1)]).astype(np.int32)


GRID, GRID_TRIANGLES = grid()
GRID_SIDE = int(len(GRID) ** 0.5)


def unproject(pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Inverse of `ict.project`."""
    x, y = ((pixels - 127.5) * (1, -1)).T * depth / FOCAL
    return np.stack([x, y, -depth], 1)


def spread_depth(known: np.ndarray, depth: np.ndarray, far: float, reach: float) -> np.ndarray:
    """No depth beyond `far`; where it is unknown, that of the nearest known cell, going over to `far` within `reach` cells."""
    away, label = cv2.distanceTransformWithLabels((~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    value = np.zeros(label.max() + 1, np.float32)
    value[label[known]] = np.minimum(depth[known], far)
    part = np.clip(away / reach, 0, 1)
    return cv2.GaussianBlur(value[label] * (1 - part) + np.float32(far) * part, (0, 0), 1.0)


@njit(cache=True, nogil=True, inline="always")
def _read(atlas, x, y, left, right, out):
    """Bilinear, held within the columns left..right."""
    x, y = min(max(x, left), right), min(max(y, 0.0), atlas.shape[0] - 1.0)
    x0, y0 = min(int(x), int(right) - 1), min(int(y), atlas.shape[0] - 2)
    fx, fy = x - x0, y - y0
    for c in range(4):
        top = atlas[y0, x0, c] * (1 - fx) + atlas[y0, x0 + 1, c] * fx
        low = atlas[y0 + 1, x0, c] * (1 - fx) + atlas[y0 + 1, x0 + 1, c] * fx
        out[c] = top * (1 - fy) + low * fy


@njit(cache=True, nogil=True)
def shade(ids, bary, triangles, values, behind, behind_bary, grid_triangles, grid_at, atlas, over):
    """Face over relief, premultiplied, averaged down to `over` (SIDE, SIDE, 4).

    values (n, 13): texture position, colour, share of the texture in the colour, opacity; position on the other side of the face, how much
    is borrowed from there, and with which gain. The relief's texture is the photograph itself.
    """
    height, width = ids.shape
    texel, other, a = np.zeros(4, np.float32), np.zeros(4, np.float32), np.zeros(13, np.float32)
    share = np.float32(1 / FINE**2)
    for y in range(height):
        for x in range(width):
            out = over[y // FINE, x // FINE]
            rest = np.float32(1)
            k = ids[y, x]
            if k >= 0:
                u, v = bary[y, x, 0], bary[y, x, 1]
                i, j, m = triangles[k]
                for c in range(13):
                    a[c] = u * values[i, c] + v * values[j, c] + (1 - u - v) * values[m, c]
                strip = a[0] > SIDE - 0.5 and a[5] > 0.5
                _read(atlas, a[0], a[1], SIDE if strip else 0.0, atlas.shape[1] - 1.0 if strip else SIDE - 1.0, texel)
                if a[9] > 0:
                    _read(atlas, a[7], a[8], 0.0, SIDE - 1.0, other)
                    for c in range(3):
                        texel[c] += a[9] * (min(other[c] * a[10 + c], 255.0) - texel[c])
                for c in range(3):
                    out[c] += share * a[6] * (texel[c] * a[5] + a[2 + c] * (1 - a[5]))
                out[3] += share * a[6]
                rest -= a[6]
            k = behind[y, x]
            if k >= 0 and rest > 0:
                u, v = behind_bary[y, x, 0], behind_bary[y, x, 1]
                i, j, m = grid_triangles[k]
                at_x = u * grid_at[i, 0] + v * grid_at[j, 0] + (1 - u - v) * grid_at[m, 0]
                at_y = u * grid_at[i, 1] + v * grid_at[j, 1] + (1 - u - v) * grid_at[m, 1]
                _read(atlas, at_x, at_y, 0.0, SIDE - 1.0, texel)
                rest *= texel[3] / 255
                for c in range(3):
                    out[c] += share * rest * texel[c]
                out[3] += share * rest


def gaze_matrix(angles: np.ndarray) -> np.ndarray:
    """(yaw to the person's left, pitch upwards) -> rotation of an eyeball in the model's frame."""
    return rotation((0, angles[0], 0)) @ rotation((-angles[1], 0, 0))


class Person:
    """One still as textured geometry."""

    def __init__(self, rig: Rig, fit: Fit, residual: np.ndarray, photo: np.ndarray, mask: np.ndarray, back: np.ndarray, iris: np.ndarray):
        """residual (468, 2): what the fit left of the landmarks, pixels; iris (10, 2): pixels; photo, mask, back as in the cache."""
        self.rig, self.fit, self.photo, self.mask, self.back = rig, fit, photo, mask, back
        self.base = rig.shape(fit.identity, np.zeros_like(fit.expression))
        self._correct(residual)
        self._eyes(iris)
        self.full = self.shut()
        self._relief()
        self.original = self.view(Pose(np.zeros(3), np.zeros(3), fit.expression))
        self.original.picture, self.original.mask = photo, mask
        self.layers(self.original)
        self._texture()

    def _correct(self, residual: np.ndarray):
        """Displacement (model frame) that takes the fitted skin exactly to the landmarks, and eyeballs along with their lids."""
        rig, fit = self.rig, self.fit
        self.offset = np.float32(0)
        shape = self.shape(fit.expression)
        depth = -fit.place(rig.landmarks(shape))[:, 2]
        off = np.c_[residual * (1, -1), np.zeros(len(residual))] * (depth / FOCAL)[:, None] @ fit.rotation
        self.offset = (off[rig.near] * rig.pull[:, :, None]).sum(1)
        self.offset = self.offset.astype(np.float32)
        self.centre = np.zeros((2, 3))
        for s in range(2):
            mine = (rig.kind == EYE) & (rig.side == s)
            self.offset[mine] = off[rig.lids[s]].mean(0)
            self.centre[s] = (shape[mine] - rig.eye[mine] * rig.radius[s]).mean(0) + off[rig.lids[s]].mean(0)
        self.landmark_offset = off - rig.landmarks(self.offset)  # what interpolation leaves
        self.pivot = fit.place(PIVOT[None])[0]

    def _eyes(self, iris: np.ndarray):
        """Gaze of the photograph, and the ten iris points in the frames of the eyeballs."""
        self.gaze, self.iris = np.zeros((2, 2)), np.zeros((10, 3))
        for s, points in enumerate((iris[:5], iris[5:])):
            camera = self.fit.place(self.centre[s][None])[0]
            aims = self._on_eyeball(points, camera, s) @ self.fit.rotation  # unit vectors in the model's frame
            x, y, z = aims[0]
            self.gaze[s] = np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
            self.iris[5 * s : 5 * s + 5] = aims @ gaze_matrix(self.gaze[s])

    def _on_eyeball(self, pixels: np.ndarray, centre: np.ndarray, s: int) -> np.ndarray:
        """Unit vectors (camera frame) from the eyeball's centre to its surface at pixels; the rim outside it."""
        radius, nearer = self.rig.radius[s], np.zeros(len(pixels))
        for _ in range(2):  # the surface is nearer than the centre, hence larger on the screen
            flat = (unproject(pixels, -centre[2] - nearer)[:, :2] - centre[:2]) / radius
            flat = flat / np.maximum(1, np.linalg.norm(flat, axis=1, keepdims=True) / 0.95)
            nearer = radius * np.sqrt(1 - (flat**2).sum(1))
        return np.c_[flat, np.sqrt(1 - (flat**2).sum(1))]

    def _relief(self):
        """Grid in the camera frame, how much it follows the head, and how landmarks' movements spread on it."""
        rig, fit = self.rig, self.fit
        head = project(fit.place(rig.head(fit.identity, fit.expression)))
        ids, _, depth = rasterise((head + (MARGIN, MARGIN, 0)) / (PITCH, PITCH, 1), rig.head_triangles, GRID_SIDE, GRID_SIDE)
        ears = -fit.place(np.zeros((1, 3)))[0, 2]
        depth = spread_depth(ids >= 0, depth, ears, 3 * FOCAL / ears / PITCH).ravel().astype(np.float64)
        self.relief = unproject(GRID, depth)
        up = fit.rotation[:2, 1] / np.linalg.norm(fit.rotation[:2, 1])
        points = project(fit.place(self.landmarks(self.shape(fit.expression))))
        chin = unproject(points[[152], :2], points[[152], 2])[0]
        below = (chin - self.relief)[:, :2] @ up
        x = np.clip((below - NECK[0]) / (NECK[1] - NECK[0]), 0, 1)
        self.follow = 1 - x * x * (3 - 2 * x)
        at = rig.facial(points[:, :2]).astype(np.float32)
        squared = (GRID[:, None, 0] - at[:, 0]) ** 2 + (GRID[:, None, 1] - at[:, 1]) ** 2
        near = np.exp(squared / np.float32(-2 * DRAG**2))
        self.drag = near / (near.sum(1, keepdims=True) + 0.3)

    def shape(self, expression: np.ndarray) -> np.ndarray:
        """Drawn vertices (n, 3) in the model's frame; eyeballs look straight ahead."""
        flat = self.rig.expression.reshape(len(expression), -1)
        return self.base + self.offset + (np.float32(expression) @ flat).reshape(-1, 3)

    def shut(self) -> np.ndarray:
        """Weights of BLINKS at which upper and lower lid meet."""
        open_, closed = (self.fit.expression.copy() for _ in range(2))
        open_[BLINKS], closed[BLINKS] = 0, 1

        def gap(expression):
            points = self.landmarks(self.shape(expression))
            return np.array([(points[upper] - points[lower])[:, 1].mean() for upper, lower in LID_PAIRS])

        before = gap(open_)
        return np.clip(before / np.maximum(before - gap(closed), 1e-3), 0.7, 1.8)

    def closed(self, pose: Pose) -> np.ndarray:
        now, full = self.fit.expression[BLINKS], self.full
        return np.clip((pose.expression[BLINKS] - now) / np.maximum(full - now, 0.1), 0, 1)

    def landmarks(self, shape: np.ndarray) -> np.ndarray:
        """(468, 3) in the model's frame, of drawn vertices with their offset."""
        return self.rig.landmarks(shape) + self.landmark_offset

    def view(self, pose: Pose) -> View:
        rig, fit = self.rig, self.fit
        shape = self.shape(pose.expression)
        gaze = self.gaze if pose.gaze is None else pose.gaze
        iris = np.zeros((10, 3))
        for s in range(2):
            turned = gaze_matrix(gaze[s])
            mine = (rig.kind == EYE) & (rig.side == s)
            shape[mine] = self.centre[s] + rig.eye[mine] * rig.radius[s] @ turned.T
            iris[5 * s : 5 * s + 5] = self.centre[s] + self.iris[5 * s : 5 * s + 5] * rig.radius[s] @ turned.T
        landmarks = self.landmarks(shape)
        turn = rotation(pose.turn)
        move = lambda x: (fit.place(x) - self.pivot) @ turn.T + self.pivot + pose.shift
        face = project(move(shape))
        face[rig.kind == EYE, 2] += BEHIND
        rest = self.landmarks(self.shape(fit.expression))
        dragged = self.drag @ rig.facial((landmarks - rest) @ fit.rotation.T)
        return View(face, project(self._turned(self.relief + dragged, pose)), project(move(landmarks)), project(move(iris))[:, :2], self.closed(pose))

    def _turned(self, points: np.ndarray, pose: Pose) -> np.ndarray:
        """Relief points turned by their share of the pose (Rodrigues)."""
        angle = np.linalg.norm(pose.turn)
        axis = pose.turn / max(angle, 1e-9)
        a, p = (angle * self.follow)[:, None], points - self.pivot
        p = p * np.cos(a) + np.cross(axis, p) * np.sin(a) + axis * (p @ axis)[:, None] * (1 - np.cos(a))
        return p + self.pivot + pose.shift * self.follow[:, None]

    def layers(self, view: View) -> tuple:
        """(ids, weights, depth) of face and relief at SIDE * FINE."""
        if view.layers is None:
            fine = lambda p: np.c_[(p[:, :2] + 0.5) * FINE - 0.5, p[:, 2]]
            n = SIDE * FINE
            view.layers = rasterise(fine(view.face), self.rig.triangles, n, n, cull=True), rasterise(fine(view.relief), GRID_TRIANGLES, n, n)
        return view.layers

    def _texture(self):
        """Texture positions and colours of the drawn vertices; eyeballs get a picture of their own, right of the photograph."""
        rig, (ids, _, depth) = self.rig, self.layers(self.original)[0]
        seen = self.original.face
        at = ((seen[:, :2] + 0.5) * FINE - 0.5).round().astype(int).clip(0, SIDE * FINE - 1)
        visible = seen[:, 2] < depth[at[:, 1], at[:, 0]] + 0.15
        self.uv = seen[:, :2].copy()
        skin = self.uv[(rig.kind == SKIN) & visible]
        light = np.median(bilinear(self.photo, skin), 0)
        bright = np.clip(light.max() / 215, 0.25, 1.1)
        self.colour = np.zeros((len(seen), 3), np.float32)
        for kind, colour in COLOURS.items():
            self.colour[rig.kind == kind] = np.float32(colour) * bright
        self.colour *= rig.shade[:, None]
        self.colour[rig.kind == SOCKET] = light * (0.72, 0.6, 0.58)
        inside = (ids >= 0) & np.isin(rig.kind[rig.triangles[ids, 0]], (GUMS, TEETH, LINING))
        inside = cv2.erode(inside.astype(np.uint8), np.ones((5, 5))).astype(bool)[at[:, 1], at[:, 0]] & visible
        upper = inside & (rig.kind == TEETH) & (rig.lower == 0)
        if upper.sum() > 20:  # teeth that the photograph shows keep their look and lend it to their neighbours
            shown = bilinear(self.photo, self.uv[upper])
            gain = np.percentile(shown, 70, 0) / np.percentile(self.colour[upper], 70, 0)
            self.colour[rig.kind == TEETH] *= gain.clip(0.4, 1.6)
            self.colour[upper] = np.maximum(shown, 0.55 * self.colour[upper])
        self._far_side(visible)
        at = self.original.points[:, :2]
        rise = np.array([at[brow].mean(0) - at[lid].mean(0) for brow, lid in BROW_BONE]) * 0.45
        self.lid_skin = rig.lid[:, :, None] * np.where(rig.lid > 0.93, 0.15, 1)[:, :, None] * rise  # the margin keeps its lashes
        self.projected = np.isin(rig.kind, (SKIN, EYE)).astype(np.float32)
        right = np.zeros((SIDE, EYE_SIDE, 4), np.uint8)
        for s in range(2):
            mine = (rig.kind == EYE) & (rig.side == s)
            right[s * EYE_SIDE : (s + 1) * EYE_SIDE, :, :3] = self._eyeball(s)
            self.uv[mine] = (rig.eye[mine, :2] * (1, -1) / 2 + 0.5) * (EYE_SIDE - 1) + (SIDE, s * EYE_SIDE)
        self.atlas = np.concatenate([np.dstack([self.photo, self.mask]), right], 1)

    def _far_side(self, visible: np.ndarray):
        """Skin that the photograph hardly shows borrows from the other side of the face, with the colour of its own side."""
        rig, seen = self.rig, self.original.face
        at, tri = unproject(seen[:, :2], seen[:, 2]), rig.triangles
        across = np.cross(at[tri[:, 1]] - at[tri[:, 0]], at[tri[:, 2]] - at[tri[:, 0]])
        normal = np.stack([np.bincount(tri.ravel(), np.repeat(across[:, i], 3), len(at)) for i in range(3)], 1)
        towards = -(normal * at).sum(1) / (np.linalg.norm(normal, axis=1) * np.linalg.norm(at, axis=1) + 1e-9)
        shown, skin = towards * visible, rig.kind == SKIN
        self.borrowed = np.where(skin & (shown[rig.twin] > 0.5), np.clip((0.45 - shown) / 0.15, 0, 1), 0)
        self.borrowed *= np.clip((np.abs(rig.v[:, 0]) - 4) / 1.5, 0, 1)  # cheeks and temples; noses and lids are not that symmetric
        self.twin_uv, self.gain = self.uv[rig.twin], np.ones((len(seen), 3), np.float32)
        for side in (rig.v[:, 0] < 0, rig.v[:, 0] > 0):
            both = skin & side & (shown > 0.4) & (shown[rig.twin] > 0.4)
            if both.sum() > 50:
                own, other = (np.median(bilinear(self.photo, uv[both]), 0) for uv in (self.uv, self.twin_uv))
                self.gain[side] = (own / np.maximum(other, 1)).clip(0.5, 2)

    def _eyeball(self, s: int) -> np.ndarray:
        """What the photograph shows of an eyeball, looking straight ahead (EYE_SIDE, EYE_SIDE, 3); the rest filled ring by ring."""
        axis = np.linspace(-1, 1, EYE_SIDE)
        x, y = np.meshgrid(axis, -axis)
        radius = np.hypot(x, y)
        flat = np.stack([x, y], -1) / np.maximum(1, radius / 0.999)[..., None]
        ball = np.dstack([flat, np.sqrt(1 - (flat**2).sum(-1))]).reshape(-1, 3)
        at = project(self.fit.place(self.centre[s] + ball * self.rig.radius[s] @ gaze_matrix(self.gaze[s]).T))
        ids, _, depth = self.layers(self.original)[0]
        k = ((at[:, :2] + 0.5) * FINE - 0.5).round().astype(int).clip(1, SIDE * FINE - 2)
        eye = (ids >= 0) & (self.rig.kind[self.rig.triangles[ids, 0]] == EYE)
        inner = cv2.erode(eye.astype(np.uint8), np.ones((3, 3))).astype(bool)
        known = (inner[k[:, 1], k[:, 0]] & (at[:, 2] < depth[k[:, 1], k[:, 0]] + 0.1)).reshape(radius.shape)
        colour = bilinear(self.photo, at[:, :2]).reshape(*radius.shape, 3)
        ring = np.minimum((radius * 20).astype(int), 19)
        profile, last = np.zeros((20, 3)), np.array([200.0, 190, 185]) * 0.8
        for i in range(20):
            mine = known & (ring == i)
            last = colour[mine].mean(0) if mine.sum() > 3 else last
            profile[i] = last
        smooth = np.stack([np.interp(radius * 20 - 0.5, np.arange(20), profile[:, c]) for c in range(3)], -1)
        trust = cv2.GaussianBlur(cv2.erode(known.astype(np.float32), np.ones((3, 3))), (5, 5), 0)[..., None]
        return (colour * trust + smooth * (1 - trust)).clip(0, 255).astype(np.uint8)

    def render(self, view: View) -> View:
        """Fills in picture and mask."""
        if view.picture is not None:
            return view
        (ids, bary, _), (behind, behind_bary, _) = self.layers(view)
        uv = self.uv + np.tensordot(view.closed, self.lid_skin, ((0), (1)))  # unfolded lids take the skin below the brow
        values = np.c_[uv, self.colour, self.projected, self.rig.alpha, self.twin_uv, self.borrowed, self.gain].astype(np.float32)
        over = np.zeros((SIDE, SIDE, 4), np.float32)
        shade(ids, bary, self.rig.triangles, values, behind, behind_bary, GRID_TRIANGLES, GRID, self.atlas, over)
        view.picture = (over[..., :3] + self.back * (1 - over[..., 3:])).clip(0, 255).astype(np.uint8)
        view.mask = (over[..., 3] * 255).clip(0, 255).astype(np.uint8)
        return view

    def flow(self, driver: View, source: View) -> tuple[np.ndarray, np.ndarray]:
        """Where the source shows what the driver shows: pixels (SIDE, SIDE, 2), and where that is known (bool)."""
        n, rig = SIDE * FINE, self.rig
        (ids, bary, _), (behind, behind_bary, _) = ((x[::FINE, ::FINE] for x in layer) for layer in self.layers(driver))
        (_, _, front), (_, _, rear) = self.layers(source)
        unfolded = (rig.lid * np.abs(driver.closed - source.closed)).max(1) > 0.3
        face = interpolate(ids, bary, rig.triangles, np.c_[source.face, rig.alpha, np.maximum(unfolded, self.borrowed)])
        relief = interpolate(behind, behind_bary, GRID_TRIANGLES, np.c_[source.relief, GRID])
        half = np.float32((FINE - 1) / (2 * FINE))  # from the centre of the drawn pixel to the picture's own

        def shown(at, depth):
            k = ((at[..., :2] + 0.5) * FINE - 0.5).round().astype(int)
            x, y = k[..., 0].clip(0, n - 1), k[..., 1].clip(0, n - 1)
            return (x == k[..., 0]) & (y == k[..., 1]) & (at[..., 2] < depth[y, x] + SEEN)

        of_face = (ids >= 0) & (face[..., 3] > 0.5)
        valid_face = shown(face, front) & (face[..., 4] < 0.5)
        valid_relief = shown(relief, np.minimum(front, rear))
        person = bilinear(self.mask[..., None], relief[..., 3:])[..., 0] > 128
        still = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).astype(np.float32)
        where = np.where(of_face[..., None], face[..., :2] + half, np.where(person[..., None], relief[..., :2] + half, still))
        empty = (driver.mask < 8) & (source.mask < 8)
        return where.astype(np.float32), np.where(of_face, valid_face, np.where(person, valid_relief, empty))
