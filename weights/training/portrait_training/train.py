"""Train. A run is a list of phases counted in steps; it stops and resumes anywhere and sees the same batches.

    python -m portrait_training.train --cache CACHE --vgg vgg16_hed_f16_conv1-4.npz --out RUN \\
        --phase motion:128:16:2000 --phase full:256:8:4000 [--start CHECKPOINT] [--resume]

A phase is KIND:SIZE:BATCH:STEPS. `motion` trains keypoints and flow alone, about four times cheaper a sample; `full` trains everything.
"""

import argparse
import copy
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .losses import Perceptual, total
from .networks import Portrait
from .presets import preset
from .stream import Cache, Recipe, Stream

SAVE_EVERY = 300  # seconds


@dataclass(frozen=True)
class Phase:
    kind: str
    size: int
    batch: int
    steps: int

    @staticmethod
    def parse(text: str) -> "Phase":
        kind, *numbers = text.split(":")
        if kind not in ("motion", "full") or len(numbers) != 3:
            raise argparse.ArgumentTypeError(f"{text}: want motion|full:SIZE:BATCH:STEPS")
        return Phase(kind, *map(int, numbers))


def learning_rate(step: int, steps: int, peak: float, warmup: int = 50, decay: float = 0.3) -> float:
    """Linear warm-up, constant, linear to 2 % over the last `decay` of the run."""
    left = (steps - step) / max(1, decay * steps)
    return peak * min(1, (step + 1) / warmup) * max(0.02, min(1, left))


def tensors(batch: dict, device: str) -> dict[str, Tensor]:
    """u8 HWC pictures -> f32 NCHW; source, driver and background get the same colour change."""
    t = {k: torch.from_numpy(v).to(device) for k, v in batch.items()}
    gain, offset, saturation = t.pop("colour").view(-1, 3, 1, 1, 1).unbind(1)
    for k in ("src", "drv", "back"):
        x = t[k].permute(0, 3, 1, 2).float() / 255
        grey = x.mean(1, keepdim=True)
        t[k] = ((grey + (x - grey) * saturation) * gain + offset).clamp(0, 1).contiguous(memory_format=torch.channels_last)
    for k in ("smask", "dmask"):
        t[k] = t[k][:, None].float() / 255
    return t


class Run:
    """Networks, their moving average, optimiser and position: everything that a checkpoint holds."""

    def __init__(self, config: dict, device: str, peak: float):
        self.net = Portrait(config).to(device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.net).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), peak, betas=(0.5, 0.999), weight_decay=1e-4, fused=True)
        self.step, self.device, self.peak = 0, device, peak

    def start_from(self, path: Path, open_blend: float):
        """Weights of another run (a bare state dict, or a checkpoint's average); blend logits scaled to unsaturate them."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.get("ema", state).items()})
        head = self.net.synthesis.head
        head.weight.data[3] *= open_blend
        head.bias.data[3] *= open_blend
        self.ema.load_state_dict(self.net.state_dict())

    def save(self, path: Path):
        part = path.with_suffix(".part")
        states = {k: getattr(self, k).state_dict() for k in ("net", "ema", "optimiser")}
        torch.save(states | {"step": self.step, "preset": self.net.config["name"], "random": torch.get_rng_state()}, part)
        os.replace(part, path)

    def load(self, path: Path):
        state = torch.load(path, map_location=self.device, weights_only=True)
        for k in ("net", "ema", "optimiser"):
            getattr(self, k).load_state_dict(state[k])
        self.step = state["step"]
        torch.set_rng_state(state["random"].cpu())

    def update(self, terms: dict[str, Tensor], steps: int):
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, steps, self.peak)
        self.optimiser.zero_grad(set_to_none=True)
        sum(terms.values()).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.998, (self.step + 1) / (self.step + 20))
        with torch.no_grad():
            for average, now in zip(self.ema.state_dict().values(), self.net.state_dict().values()):
                average.lerp_(now, 1 - keep) if average.is_floating_point() else average.copy_(now)


def train(run: Run, cache: Cache, phases: list[Phase], perceptual: Perceptual, out: Path, seed: int):
    steps, begin, saved, averages = sum(p.steps for p in phases), 0, time.time(), {}
    log = open(out / "log.jsonl", "a")
    for phase in phases:
        end = begin + phase.steps
        if run.step < end:
            stream = Stream(cache, Recipe(size=phase.size, batch=phase.batch), seed, run.step)
            mark, since = time.time(), run.step
        while run.step < end:
            batch = tensors(next(stream), run.device)
            with torch.autocast(run.device, torch.bfloat16):
                terms = total(run.net, perceptual, batch, phase.kind == "full", run.step)
            run.update(terms, steps)
            for name, value in terms.items():
                averages[name] = 0.97 * averages.get(name, value.item()) + 0.03 * value.item()
            if run.step % 25 == 0:
                rate = phase.batch * (run.step - since) / (time.time() - mark)
                row = dict(step=run.step, kind=phase.kind, samples_per_second=round(rate, 2)) | {k: round(v, 4) for k, v in averages.items()}
                print(json.dumps(row), file=log, flush=True)
                mark, since = time.time(), run.step
            if time.time() - saved > SAVE_EVERY or run.step == end:
                run.save(out / "last.pt")
                saved = time.time()
        begin = end


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--vgg", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="s")
    parser.add_argument("--phase", action="append", type=Phase.parse, required=True, dest="phases")
    parser.add_argument("--start", type=Path, help="checkpoint or state dict to begin from")
    parser.add_argument("--open-blend", type=float, default=0.5, help="factor on the blend logits of --start")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    parser.add_argument("--rate", type=float, default=5e-4, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    run = Run(preset(args.preset), args.device, args.rate)
    if args.resume:
        run.load(args.out / "last.pt")
    elif args.start:
        run.start_from(args.start, args.open_blend)
    perceptual = Perceptual(args.vgg).to(args.device)
    train(run, Cache(args.cache), args.phases, perceptual, args.out, args.seed)


if __name__ == "__main__":
    main()
