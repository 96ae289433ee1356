"""The paper's experiments, small: equal short runs of variants, judged on the evaluation clips.

    python -m portrait_training.experiments --cache CACHE --data DATA --mesh face_landmark.tflite --vgg VGG.npz --out OUT \\
        --phase motion:128:16:300 --phase full:256:8:300 [--only mixed facial neural]

Each variant is trained from scratch by the same phases and seed, and evaluated; OUT/VARIANT keeps run and metrics, OUT/table.md the
table. A variant with metrics is not run again.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .evaluate import Bench
from .losses import Judges, Perceptual
from .mesh import FaceMesh
from .networks import Portrait, quick
from .presets import preset
from .rows import Cache
from .run import Run
from .tracker import Tracker
from .train import Phase, Plan, train

SHOWN = ("l1", "psnr", "ssim", "perceptual", "akd", "mouth_gap", "lid_gap", "gaze")


class FacialOnly(Portrait):
    """Neural keypoints have no say: the last ten mixed ones come from the merger alone."""

    def merge(self, facial: Tensor, neural: Tensor) -> Tensor:
        return super().merge(facial, torch.zeros_like(neural))


class NeuralOnly(Portrait):
    """The 50 neural keypoints are the motion. For presets without pins."""

    def merge(self, facial: Tensor, neural: Tensor) -> Tensor:
        return neural


class WithoutBackground(Portrait):
    """The synthesis network gets black instead of the filled background."""

    def motion(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        batch["back"] = torch.zeros_like(batch["back"])
        return super().motion(batch)


class WithoutResidual(Portrait):
    """The residual flow stays the zero it starts from."""

    def __init__(self, config: dict):
        super().__init__(config)
        self.dense_motion.residual.requires_grad_(False)


@dataclass(frozen=True)
class Variant:
    network: type[Portrait] = Portrait
    preset: str = "s"
    views: int = 0
    pins: bool = True

    def config(self) -> dict:
        config = preset(self.preset)
        config["synthesis"]["views"] = max(self.views, 1)
        return config if self.pins else {k: v for k, v in config.items() if k != "pins"}


VARIANTS = {
    "mixed": Variant(),
    "facial only": Variant(FacialOnly),
    "neural only": Variant(NeuralOnly, pins=False),
    "mixed, no pins": Variant(pins=False),
    "2 views": Variant(views=2),
    "4 views": Variant(views=4),
    "8 views": Variant(views=8),
    "no background": Variant(WithoutBackground),
    "no residual flow": Variant(WithoutResidual),
    "preset xs": Variant(preset="xs"),
    "preset fast": Variant(preset="fast"),
    "preset m": Variant(preset="m"),
}


def run(variant: Variant, phases: list[Phase], cache: Cache, judges: Judges, bench: Bench, out: Path) -> dict:
    """Means over the evaluation clips, by method; kept in OUT/metrics.json."""
    kept = out / "metrics.json"
    if kept.exists():
        return json.loads(kept.read_text())
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    run = Run(variant.config(), "cuda" if torch.cuda.is_available() else "cpu", 5e-4, network=variant.network)
    train(run, cache, phases, judges, Plan(out, views=float(variant.views > 0), sheet_every=0))
    found = bench(run.ema.cpu().eval(), out, views=variant.views > 0)
    means = {method: result["mean_of_clips"] for method, result in found.items()}
    kept.write_text(json.dumps(means))
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("cache", "data", "mesh", "vgg", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--phase", action="append", type=Phase.parse, required=True, dest="phases")
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device, cache = "cuda" if torch.cuda.is_available() else "cpu", Cache(args.cache)
    judges = Judges(Perceptual(args.vgg, quick(device)).to(device), FaceMesh().to(device))
    bench = Bench(cache, Tracker(args.data / "models", args.mesh), Perceptual(args.vgg, torch.float32), every=args.every)
    lines = ["| variant | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    for name in args.only:
        row = run(VARIANTS[name], args.phases, cache, judges, bench, args.out / name.replace(",", "").replace(" ", "_"))["model"]
        lines.append(f"| {name} | " + " | ".join("–" if k not in row else f"{row[k]:.4f}" if row[k] < 1 else f"{row[k]:.2f}" for k in SHOWN) + " |")
        (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
