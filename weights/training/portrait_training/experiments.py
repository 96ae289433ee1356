"""The paper's experiments, small: equal short runs of variants, judged on the evaluation clips and on their people turned away.

    python -m portrait_training.experiments --cache CACHE --data DATA --mesh face_landmark.tflite --vgg VGG.npz --out OUT \\
        --phase motion:128:16:300 --phase full:256:8:300 [--only mixed "facial only"] [--preset xs] [--start WEIGHTS]

Each variant is trained by the same phases and seed, from scratch or from the same weights, and judged: by its result, or by its warp where
motion alone was trained. Columns with "turned" are of coverage.py, the head 20 and 30 degrees to either side. OUT/VARIANT keeps run and
metrics, OUT/table.md the table. A variant with metrics is not run again. The curve against data and compute: variants of people beside
"no residual flow", which has all of them and is the same network, at several lengths.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import coverage
from .evaluate import Bench
from .export import load
from .losses import Judges, Perceptual
from .mesh import FaceMesh
from .networks import Portrait, quick
from .presets import preset
from .repose import Person
from .rows import Cache
from .run import Run
from .tracker import Tracker
from .train import Phase, Plan, train

TURNS = (-30, -20, 20, 30)  # degrees of yaw, beyond the poses of the four views
SHOWN = ("l1", "psnr", "ssim", "perceptual", "akd", "mouth_gap", "lid_gap", "gaze", "turned_l1", "turned_l1_hidden", "turned_akd")


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

    def motion(self, batch: dict[str, Tensor], alone: Tensor | None = None) -> dict[str, Tensor]:
        batch["back"] = torch.zeros_like(batch["back"])
        return super().motion(batch, alone)


class WithoutResidual(Portrait):
    """The residual flow stays the zero it starts from."""

    def __init__(self, config: dict):
        super().__init__(config)
        self.dense_motion.residual.requires_grad_(False)


@dataclass(frozen=True)
class Variant:
    network: type[Portrait] = Portrait
    preset: str | None = None  # another than all others have
    views: int = 0
    pins: bool = True
    people: float = 1.0  # share of the cache's clips and photographs

    def config(self, name: str = "s") -> dict:
        config = preset(self.preset or name)
        config["synthesis"]["views"] = max(self.views, 1)
        return config if self.pins else {k: v for k, v in config.items() if k != "pins"}


VARIANTS = {
    "mixed": Variant(),
    "facial only": Variant(FacialOnly),
    "neural only": Variant(NeuralOnly, pins=False),
    "mixed, no pins": Variant(pins=False),
    "facial only, no pins": Variant(FacialOnly, pins=False),
    "2 views": Variant(views=2),
    "4 views": Variant(views=4),
    "8 views": Variant(views=8),
    "no background": Variant(WithoutBackground),
    "no residual flow": Variant(WithoutResidual),
    "a quarter of the people": Variant(WithoutResidual, people=1 / 4),
    "a sixteenth of the people": Variant(WithoutResidual, people=1 / 16),
    "preset xs": Variant(preset="xs"),
    "preset fast": Variant(preset="fast"),
    "preset m": Variant(preset="m"),
}


def begin(run: Run, base: Portrait):
    """Weights that all variants share. Views have no say at first, and what a variant leaves out stays as it was created."""
    own = run.net
    if not isinstance(base.synthesis.unet.stem[1], torch.nn.BatchNorm2d):
        own.without_norm()
    state, top = base.state_dict(), base.synthesis.fusion.out_channels
    weight = state["synthesis.fusion.weight"]
    fusion = weight.new_zeros(own.synthesis.fusion.weight.shape)
    fusion[:, :top] = weight[:, :top]
    state["synthesis.fusion.weight"] = fusion
    frozen = {name for name, parameter in own.named_parameters() if not parameter.requires_grad}
    own.load_state_dict(state | {name: value for name, value in own.state_dict().items() if name in frozen})
    run.restart()


@dataclass(frozen=True)
class Jury:
    bench: Bench
    people: list[Person]

    def __call__(self, net: Portrait, out: Path, views: bool) -> dict[str, dict[str, float]]:
        """Means by method over evaluation clips and turned people."""
        found = {method: result["mean_of_clips"] for method, result in self.bench(net, out, views=views).items()}
        scores = [coverage.moment(net, self.bench.tracker, person, (turn, 0), views)[0] for person in self.people for turn in TURNS]
        for method, name in (("model", "result"), ("warp", "warp")):
            rows = [score[name] for score in scores]
            columns = {key: [row[key] for row in rows if key in row] for key in ("l1", "l1_hidden", "akd")}
            found[method] |= {f"turned_{key}": float(np.mean(values)) for key, values in columns.items() if values}
        return found


def run(variant: Variant, name: str, start: Portrait | None, phases: list[Phase], cache: Cache, judges: Judges, jury: Jury, out: Path) -> dict:
    """Means by method; kept in OUT/metrics.json."""
    kept = out / "metrics.json"
    if kept.exists():
        return json.loads(kept.read_text())
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    run = Run(variant.config(name), "cuda" if torch.cuda.is_available() else "cpu", 5e-4, network=variant.network)
    if start:
        begin(run, start)
    train(run, cache, phases, judges, Plan(out, views=float(variant.views > 0), sheet_every=0, people=variant.people))
    means = jury(run.ema.cpu().eval(), out, variant.views > 0)
    kept.write_text(json.dumps(means))
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("cache", "data", "mesh", "vgg", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--phase", action="append", type=Phase.parse, required=True, dest="phases")
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--preset", default="s", help="of the variants that are not about presets")
    parser.add_argument("--start", type=Path, help="weights that every variant begins from, of that preset")
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    if other := [name for name in args.only if args.start and VARIANTS[name].preset]:
        parser.error(f"--start has the sizes of one preset; leave out {', '.join(other)} by --only")
    torch.set_num_threads(args.threads)
    device, cache = "cuda" if torch.cuda.is_available() else "cpu", Cache(args.cache)
    judges = Judges(Perceptual(args.vgg, quick(device)).to(device), FaceMesh().to(device))
    bench = Bench(cache, Tracker(args.data / "models", args.mesh), Perceptual(args.vgg, torch.float32), every=args.every)
    jury = Jury(bench, coverage.people(cache, args.data / "synth/ict_facekit_f16.npz"))
    lines = ["| variant | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    start, method = args.start and load(args.start), "warp" if all(phase.kind == "motion" for phase in args.phases) else "model"
    for name in args.only:
        out = args.out / name.replace(",", "").replace(" ", "_")
        row = run(VARIANTS[name], args.preset, start, args.phases, cache, judges, jury, out)[method]
        lines.append(f"| {name} | " + " | ".join("–" if k not in row else f"{row[k]:.4f}" if row[k] < 1 else f"{row[k]:.2f}" for k in SHOWN) + " |")
        (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
