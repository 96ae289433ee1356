"""Train. A run is a list of phases counted in steps; it stops and resumes anywhere and sees the same batches.

    python -m portrait_training.train --cache CACHE --vgg vgg16_hed_f16_conv1-4.npz --out RUN \\
        --phase motion:128:16:2000 --phase paint:256:8:4000:128 --phase full:256:8:4000 [--start CHECKPOINT] [--resume]

A phase is KIND:SIZE:BATCH:STEPS[:CROP]. `motion` trains keypoints and flow alone, about four times cheaper a sample; `paint` holds them
and trains the synthesis network; `full` trains everything. With CROP, two of three steps paint squares of that side: mouths, eyes, and
where the warped picture is wrong. Under torchrun each process draws its own batches and gradients are averaged.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .export import load
from .losses import Judges, Perceptual, total
from .mesh import FaceMesh
from .networks import mixed, quick
from .parallel import join, leave
from .presets import EYES, preset
from .rows import Cache
from .run import Run
from .shards import Shards
from .sheets import curves, sheet
from .stream import IRIS_CENTRES, Recipe, Sampler, Stream, make

SAVE_EVERY = 300  # seconds
SHEET = 1 << 40  # number of the batch that sheets show
CALIBRATE = 8  # batches whose statistics BatchNorm begins with


@dataclass(frozen=True)
class Phase:
    kind: str
    size: int
    batch: int
    steps: int
    crop: int = 0

    @staticmethod
    def parse(text: str) -> "Phase":
        kind, *numbers = text.split(":")
        if kind not in ("motion", "paint", "full") or len(numbers) not in (3, 4):
            raise argparse.ArgumentTypeError(f"{text}: want motion|paint|full:SIZE:BATCH:STEPS[:CROP]")
        return Phase(kind, *map(int, numbers))


def tensors(batch: dict, device: str) -> dict[str, Tensor]:
    """u8 HWC pictures -> f32 NCHW; source, driver and background get the same colour change; iris centres follow the facial points."""
    t = {k: torch.from_numpy(v).to(device) for k, v in batch.items()}
    gain, offset, saturation = t.pop("colour").view(-1, 3, 1, 1, 1).unbind(1)
    for k in ("src", "drv", "back"):
        x = t[k].permute(0, 3, 1, 2).float() / 255
        grey = x.mean(1, keepdim=True)
        t[k] = ((grey + (x - grey) * saturation) * gain + offset).clamp(0, 1).contiguous(memory_format=torch.channels_last)
    for k in ("smask", "dmask"):
        t[k] = t[k][:, None].float() / 255
    for k in "sd":
        centres = t.pop(f"iris_{k}")[:, IRIS_CENTRES]
        for name in ("fk", "label"):
            t[f"{name}_{k}"] = torch.cat([t[f"{name}_{k}"], centres], 1)
    t["depth_s"] = torch.cat([t["depth_s"], t["depth_s"][:, EYES].mean(1, keepdim=True).expand(-1, len(IRIS_CENTRES))], 1)
    t["flow"], t["flow_valid"] = t["flow"].permute(0, 3, 1, 2), t["flow_valid"][:, None].float()
    return t


@dataclass(frozen=True)
class Plan:
    """What a run does beside its phases. Probabilities and weights."""

    out: Path
    seed: int = 0
    views: float = 0.0  # of the steps on whole pictures: with pseudo views
    sheet_every: int = 500  # steps; 0: no pictures
    workers: int = 0  # processes that make batches; 0: a thread
    reposed: float = Recipe.reposed  # share of re-posed photographs
    people: float = Recipe.people  # share of the cache's clips and photographs
    pool: int = 0  # generated samples of each kind that are drawn again and again; 0: each is new
    shards: Shards | None = None  # clips instead of the cache's


def train(run: Run, cache: Cache, phases: list[Phase], judges: Judges, plan: Plan, rank: int = 0, processes: int = 1):
    steps, begin, saved, averages = sum(p.steps for p in phases), 0, time.time(), {}
    log, stream = open(plan.out / "log.jsonl", "a") if rank == 0 else None, None
    for phase in phases:
        end = begin + phase.steps
        if run.step < end:
            recipe = Recipe(size=phase.size, batch=phase.batch, reposed=plan.reposed, people=plan.people, pool=plan.pool)
            stream = Stream(cache, recipe, plan.seed * processes + rank, run.step, workers=plan.workers, shards=plan.shards)
            shown = tensors(stream.make(SHEET), run.device)
            mark, since = time.time(), run.step
        while run.step < end:
            batch = tensors(next(stream), run.device)
            torch.manual_seed(((plan.seed << 32) + run.step) * processes + rank)  # a step depends on its number alone
            views = torch.rand(()).item() < plan.views
            with mixed(run.device):
                terms = total(run.net, judges, batch, phase.kind, run.step, phase.crop if run.step % 3 else 0, views)
            run.update(terms, steps)
            for name, value in terms.items():
                averages[name] = 0.97 * averages.get(name, value.item()) + 0.03 * value.item()
            if rank:
                continue
            if run.step % 25 == 0:
                rate = phase.batch * processes * (run.step - since) / (time.time() - mark)
                row = dict(step=run.step, kind=phase.kind, samples_per_second=round(rate, 2)) | {k: round(v, 4) for k, v in averages.items()}
                print(json.dumps(row), file=log, flush=True)
                mark, since = time.time(), run.step
            if plan.sheet_every and run.step % plan.sheet_every == 0:
                sheet(run.ema, shown, plan.out / f"sheet_{run.step:06d}.png")
                curves(plan.out / "log.jsonl", plan.out / "curves.png")
            if time.time() - saved > SAVE_EVERY or run.step == end:
                run.save(plan.out / "last.pt")
                saved = time.time()
        if run.step == end and stream:
            stream.close()
        begin, stream = end, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--vgg", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="s")
    parser.add_argument("--phase", action="append", type=Phase.parse, required=True, dest="phases")
    parser.add_argument("--start", type=Path, help="checkpoint, state dict or weight file to begin from")
    parser.add_argument("--open-blend", type=float, default=1.0, help="factor on the blend logits of --start")
    parser.add_argument("--without-norm", action="store_true", help="fold BatchNorm before training goes on")
    parser.add_argument("--with-norm", action="store_true", help="put BatchNorm back into a published --start, which then learns at a full rate")
    parser.add_argument("--freeze-norm", action="store_true", help="hold the statistics of BatchNorm: without their noise small motions get precise")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    parser.add_argument("--rate", type=float, default=5e-4, help="peak learning rate")
    parser.add_argument("--views", type=float, default=0.0, help="share of the steps on whole pictures that have pseudo views")
    parser.add_argument("--adversary", type=float, default=0.0, help="weight of the patch discriminator's term")
    parser.add_argument("--teacher", type=Path, help="checkpoint of a larger preset, whose motion is learned")
    parser.add_argument("--hold-occlusion", type=Path, help="weights whose occlusion the motion keeps, so that their synthesis network still fits")
    parser.add_argument("--sheet-every", type=int, default=500, help="steps between sheets of samples")
    parser.add_argument("--reposed", type=float, default=Recipe.reposed, help="share of re-posed photographs")
    parser.add_argument("--pool", type=int, default=0, help="generated samples of a kind that are kept and drawn again; 0: each is new")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches; 0: a thread")
    parser.add_argument("--shards", type=Path, help="folder of WebDataset shards, whose clips take the place of the cache's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    rank, processes = join()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    run = Run(preset(args.preset), device, args.rate, not args.without_norm, args.adversary > 0)
    if args.resume:
        run.load(args.out / "last.pt")
    elif args.start:
        run.start_from(args.start, args.open_blend)
        if args.with_norm:
            # Of pairs alone, which cost nothing to make.
            calibrate = Sampler(Cache(args.cache), Recipe(size=args.phases[0].size, batch=16, reposed=0, rendered=0))
            run.net.with_norm([tensors(make(calibrate, args.seed, SHEET + n), device) for n in range(CALIBRATE)])
            run.restart()
    if args.freeze_norm:
        run.freeze_norm()
    frozen = lambda path: load(path).to(device, memory_format=torch.channels_last).requires_grad_(False) if path else None
    perceptual, teacher, held = Perceptual(args.vgg, quick(device)).to(device), frozen(args.teacher), frozen(args.hold_occlusion)
    judges = Judges(perceptual, FaceMesh().to(device), run.adversary, args.adversary, teacher, held)
    plan = Plan(
        args.out,
        seed=args.seed,
        views=args.views,
        sheet_every=args.sheet_every,
        workers=args.workers,
        reposed=args.reposed,
        pool=args.pool,
        shards=Shards(args.shards) if args.shards else None,
    )
    train(run, Cache(args.cache), args.phases, judges, plan, rank, processes)
    leave()


if __name__ == "__main__":
    main()
