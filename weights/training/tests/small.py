"""Networks and a cache small enough for tests."""

import numpy as np

from portrait_training.presets import EVALUATION_CLIPS, preset

# At least eight channels: oneDNN in PyTorch 2.15 writes beyond the gradient of a strided 1 x 1 convolution of four on AVX2.
TINY = preset("xs") | {
    "nk": {"input": 64, "widths": [8, 8, 8, 8]},
    "dense_motion": {"stem": 4, "down": [8, 8]},
    "synthesis": {"stem": 4, "down": [8, 8], "views": 4},
}
FOLDED = TINY | {"synthesis": TINY["synthesis"] | {"fold": 2}}


class Rows:
    """A cache of noise: two clips, one evaluation clip, three stills."""

    def __init__(self):
        rng = np.random.default_rng(1)
        self.clip = np.array([0] * 5 + [1] * 4 + [EVALUATION_CLIPS[0]] * 3 + [-1] * 3)
        n = len(self.clip)
        self.fk_v2 = rng.uniform(-0.5, 0.5, (n, 106, 2)).astype(np.float32)
        self.fk_engine, self.z = self.fk_v2 + np.float32(0.01), rng.normal(0, 0.1, (n, 106)).astype(np.float32)
        self.frames, self.backs = rng.integers(0, 255, (2, n, 256, 256, 3), np.uint8)
        self.masks = rng.integers(0, 255, (n, 256, 256), np.uint8)
        self.iris = rng.uniform(-0.5, 0.5, (n, 10, 2)).astype(np.float32)

    def openings(self):
        return self.fk_v2[:, :2, 0]
