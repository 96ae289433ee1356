"""Speech to a mouth: a small recurrent network, trained on synthetic voices whose phonemes are known.

    python -m portrait_training.speech corpus --out CORPUS [--utterances 4000]      # Debian: espeak-ng flite fortunes fortunes-{de,es,it,pl,ru,cs,br}
    python -m portrait_training.speech tracks --data DATA --out TRACKS            # landmarks of the clips with sound, by DATA/tools/mpface.py
    python -m portrait_training.speech train --corpus CORPUS --tracks TRACKS --clips DATA/clips --out ../speech.safetensors

Features are log mel energies against the loudness of the last seconds; the runtime (`portrait-runtime`, speech/) computes the same. The
network gives, 50 times a second, what the mouth did `DELAY` steps before: `visemes.curves`. Training clips give the fields of the lips
(`lips.py`); nobody's voice is trained on, so all clips judge.
"""

import argparse
import json
import subprocess
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import expressions, lips, visemes, voices
from .presets import EVALUATION_CLIPS, PRESETS

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

WINDOW, HOP, FFT, BANDS = 400, 160, 512, 40  # 25 ms, 10 ms at 16 kHz
LOWEST, HIGHEST = 60.0, 7600.0
QUIET, FLOOR, FORGET = 1e-9, np.log(1e-6), 0.01  # powers against a sine at full scale; loudness forgotten in a hop, in nepers
WIDTH, DELAY = 96, 8
IN_STEP = list(range(101, 112))  # the clips of the GRID corpus: plain sentences, without music or a lag between sound and picture
ARTICULATION = 1.25  # what least squares leaves unsaid: with it mouths open as differently as those of the clips
SCALE = np.array([0.1, 0.05, 1.0], np.float32)  # what the network's numbers are multiplied with


def mel_bands() -> np.ndarray:
    """(BANDS, FFT / 2 + 1) triangles between points that are even on the mel scale of O'Shaughnessy (1987)."""
    mel = np.linspace(2595 * np.log10(1 + LOWEST / 700), 2595 * np.log10(1 + HIGHEST / 700), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    f = np.arange(FFT // 2 + 1) * voices.SOUND_RATE / FFT
    rise = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rise, fall))


def features(sound: np.ndarray) -> np.ndarray:
    """(steps, 2 BANDS): two hops a step. Hop k is centred at sample 160 k."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    hops = 2 * (len(sound) // (2 * HOP))
    padded = np.pad(sound.astype(np.float64), (WINDOW // 2, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: hops * HOP : HOP] * hann
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2 / (hann.sum() / 2) ** 2
    energy = power @ mel_bands().T
    loudness, levels = np.log(energy.mean(1) + QUIET), np.empty(hops)
    level = FLOOR
    for k, loud in enumerate(loudness):
        level = levels[k] = max(loud, level - FORGET, FLOOR)
    out = np.clip((np.log(energy + QUIET) - levels[:, None]) / 4, -3, 1)
    return out.reshape(hops // 2, 2 * BANDS).astype(np.float32)


class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2 * BANDS, WIDTH, num_layers=2, batch_first=True)
        self.out = nn.Linear(WIDTH, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, steps, 2 BANDS) to (batch, steps, 3): opening, width, shut."""
        return self.out(self.gru(x)[0]) * torch.from_numpy(SCALE)


# --- the corpus


def texts() -> dict[str, list[str]]:
    """Sentences of Debian's fortunes by language."""
    root, found = Path("/usr/share/games/fortunes"), {}
    for language in sorted(set(voices.LANGUAGES.values())):
        folder = {"en": ".", "cs": "cs", "pt": ""}.get(language, language)
        files = [root / "brasil"] if language == "pt" else (root / folder).rglob("*") if folder != "." else root.glob("*")
        lines = []
        for file in files:
            if file.is_file() and file.suffix in ("", ".fortunes") and not file.is_symlink():
                entries = file.read_text("utf-8", errors="ignore").split("\n%\n")
                lines += [" ".join(e.split()) for e in entries if 20 < len(e) < 220 and sum(c.isalpha() for c in e) > 0.7 * len(e)]
        if lines:
            found[language] = lines
    return found


def degrade(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A room, a microphone and a distance."""
    if rng.random() < 0.4:
        length = int(rng.uniform(0.05, 0.4) * voices.SOUND_RATE)
        room = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length) * rng.uniform(0.02, 0.15)
        room[0] = 1
        sound = np.convolve(sound, room)[: len(sound)]
    spectrum, f = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / voices.SOUND_RATE)
    knots = np.array([0, 150, 400, 1000, 2500, 5000, 8000])
    curve = np.interp(f, knots, rng.normal(0, 3, len(knots)))
    cut = rng.uniform(3300, 7000) if rng.random() < 0.25 else 8000
    sound = np.fft.irfft(spectrum * 10 ** (curve / 20) * (f < cut), len(sound))
    loud = np.sqrt((sound**2).mean()) + 1e-6
    if rng.random() < 0.7:
        noise = rng.standard_normal(len(sound))
        if rng.random() < 0.6:  # most rooms rumble
            spectrum = np.fft.rfft(noise)
            noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(f, 50)), len(sound))
        sound = sound + noise / noise.std() * loud * 10 ** (-rng.uniform(8, 45) / 20)
    return np.clip(sound / loud * 10 ** (rng.uniform(-45, -10) / 20), -1, 1)


ESPEAK: list[voices.Espeak] = []


def utterance(job: tuple[int, str, str, str]) -> tuple[np.ndarray, np.ndarray] | None:
    """Features and curves of one text, said by one voice a little faster or slower, higher or lower than it speaks."""
    seed, engine, voice, text = job
    rng = np.random.default_rng(seed)
    try:
        if engine == "flite":
            sound, phonemes = voices.flite(text, voice)
        else:
            ESPEAK or ESPEAK.append(voices.Espeak())
            sound, phonemes = ESPEAK[0].say(text, voice, int(rng.uniform(110, 220)), int(rng.uniform(20, 80)))
    except (ValueError, subprocess.CalledProcessError):
        return None
    if len(sound) < voices.SOUND_RATE // 2:
        return None
    speed = rng.uniform(0.85, 1.18)  # higher and faster: another vocal tract
    sound = np.interp(np.arange(0, len(sound) - 1, speed), np.arange(len(sound)), sound)
    before, after = rng.uniform(0.1, 1.0, 2)
    silence = [np.zeros(int(s * voices.SOUND_RATE)) for s in (before, after)]
    sound = degrade(np.concatenate([silence[0], sound, silence[1]]), rng)
    moved = [(a / speed + before, b / speed + before, ipa) for a, b, ipa in phonemes]
    x, y = features(sound), visemes.curves(moved, len(sound) / voices.SOUND_RATE)
    n = min(len(x), len(y))
    return x[:n].astype(np.float16), y[:n]


def corpus(out: Path, utterances: int) -> None:
    rng, sentences, jobs = np.random.default_rng(0), texts(), []
    names = list(voices.LANGUAGES)
    for seed in range(utterances):
        if seed % 3 == 0:
            jobs.append((seed, "flite", voices.FLITE[seed // 3 % len(voices.FLITE)], str(rng.choice(sentences["en"]))))
            continue
        name = names[rng.integers(len(names))] if rng.random() < 0.6 else "en-us"
        if voices.LANGUAGES[name] in sentences:
            variant = voices.VARIANTS[rng.integers(len(voices.VARIANTS))]
            voice = f"{name}+{variant}" if variant else name
            jobs.append((seed, "espeak", voice, str(rng.choice(sentences[voices.LANGUAGES[name]]))))
    with Pool(2) as pool:
        made = [pair for pair in pool.imap(utterance, jobs, chunksize=16) if pair is not None]
    lengths = np.array([len(x) for x, _ in made])
    print(f"{len(made)} utterances, {lengths.sum() / visemes.RATE / 3600:.2f} hours")
    np.savez(out, x=np.concatenate([x for x, _ in made]), y=np.concatenate([y for _, y in made]), lengths=lengths)


# --- clips with sound


def track(data: Path, out: Path) -> None:
    """Landmarks of mesh v2, whether they are a face, and the rate of every clip with sound, as in DATA/clips/tracks."""
    import cv2

    sys.path.insert(0, str(data / "tools"))
    import mpface

    face = mpface.Face()
    out.mkdir(parents=True, exist_ok=True)
    for sound in sorted((data / "clips").glob("*/*.ogg")):
        video = cv2.VideoCapture(str(sound.with_suffix(".mp4")))
        region, points, presence = None, [], []
        while True:
            read, picture = video.read()
            if not read:
                break
            found = face.landmarks(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), region)
            points.append(found[0] if found else np.zeros((478, 3)))
            presence.append(found[1] if found else 0.0)
            region = found[2] if found and found[1] > 0.5 else None
        np.savez(out / f"{sound.stem}.npz", lm=np.float32(points), presence=np.float32(presence), fps=video.get(cv2.CAP_PROP_FPS))


def read_sound(path: Path) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(voices.SOUND_RATE), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


def load_clips(tracks: Path, clips: Path) -> dict[int, dict]:
    mean = tensorfile.read(PRESETS.parent / "expressions.safetensors")[0]["expressions.mean"].astype(np.float64)
    reference, found = np.concatenate([mean, [[-0.3, 0, 0], [0.3, 0, 0]]]), {}
    for file in sorted(tracks.glob("*.npz")):
        sound = [p for p in clips.glob(f"*/{file.stem}.ogg")]
        if sound:
            track = np.load(file)
            points = track["lm"][:, [*expressions.INDICES, *expressions.IRISES]].astype(np.float64)
            aligned = expressions.align(points, reference)
            found[int(file.stem)] = dict(aligned=aligned, good=track["presence"] > 0.5, fps=float(track["fps"]), sound=read_sound(sound[0]))
    return found


def follow(net: Speech, clip: dict) -> tuple[np.ndarray, np.ndarray]:
    """What the network makes of a clip's sound at each of its frames, and what the mouth did: (frames, 2) each, opening and width."""
    with torch.no_grad():
        y = net(torch.from_numpy(features(np.pad(clip["sound"], (0, DELAY * 2 * HOP))))[None])[0].numpy()[DELAY:]
    times = np.arange(len(clip["aligned"])) / clip["fps"] * visemes.RATE
    inside = times < len(y) - 1
    got = np.stack([np.interp(times[inside], np.arange(len(y)), y[:, k]) for k in (0, 1)], 1)
    shape = lips.measure(clip["aligned"])
    return got, (shape - lips.at_rest(shape))[inside]


def loudness(clip: dict, frames: int) -> np.ndarray:
    """What a mouth that opens with the loudness of its frame would do."""
    edges = (np.arange(frames + 1) / clip["fps"] * voices.SOUND_RATE).astype(int)
    power = np.add.reduceat(np.pad(clip["sound"].astype(np.float64) ** 2, (0, max(0, edges[-1] + 1 - len(clip["sound"])))), edges)
    return np.log(power[:frames] + QUIET)


def correlations(net: Speech, clips: dict[int, dict], which: list[int]) -> list[float]:
    """Between mouths of clips and what the network makes of their sound: opening and width; and opening with loudness."""
    rows = []
    for name in which:
        got, true = follow(net, clips[name])
        pairs = ((got[:, 0], true[:, 0]), (got[:, 1], true[:, 1]), (loudness(clips[name], len(true)), true[:, 0]))
        rows.append([np.corrcoef(*pair)[0, 1] for pair in pairs])
    return np.mean(rows, 0).round(3).tolist()


# --- training


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    data, clips = np.load(args.corpus), load_clips(args.tracks, args.clips)
    x, y, starts = data["x"], data["y"], np.concatenate([[0], np.cumsum(data["lengths"])])
    owner = np.searchsorted(starts, np.arange(len(x)), side="right") - 1
    held = owner % 20 == 0
    steps, length, batch = args.steps, 200, 32
    net = Speech()
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    rng, scale = np.random.default_rng(1), torch.from_numpy(SCALE)

    def piece(at: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        index = at[:, None] + np.arange(length)
        later = np.maximum(index - DELAY, 0)
        return torch.from_numpy(x[index].astype(np.float32)), torch.from_numpy(y[later])

    def loss_of(at: np.ndarray) -> torch.Tensor:
        inputs, wanted = piece(at)
        got = net(inputs)[:, 2 * DELAY :] / scale
        wanted = wanted[:, 2 * DELAY :] / scale
        moved = (got[:, 1:] - got[:, :-1]) - (wanted[:, 1:] - wanted[:, :-1])
        return ((got - wanted) ** 2).mean() + 4 * (moved**2).mean()

    places = np.flatnonzero(~held[: len(x) - length])
    tests = np.flatnonzero(held[: len(x) - length])[:: length // 2][:256]
    for step in range(steps):
        loss = loss_of(rng.choice(places, batch))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 250 == 249 or step == steps - 1:
            with torch.no_grad():
                test = loss_of(tests).item()
            print(f"step {step + 1}: held-out loss {test:.4f}; clips {correlations(net, clips, IN_STEP)}", flush=True)
    torch.save(net.state_dict(), args.out.with_suffix(".pt"))
    export(net, clips, args.out)


def export(net: Speech, clips: dict[int, dict], out: Path) -> None:
    others = [n for n in clips if n not in EVALUATION_CLIPS]
    fields, explained = lips.fit([clips[n]["aligned"][clips[n]["good"]] for n in others])
    tensors = {f"speech.{name}": value.numpy().astype(np.float16) for name, value in net.state_dict().items()}
    scale = (SCALE * (ARTICULATION, 1, 1)).astype(np.float16)
    tensors["speech.out.weight"] = tensors["speech.out.weight"] * scale[:, None]
    tensors["speech.out.bias"] = tensors["speech.out.bias"] * scale
    tensors["speech.lips"] = fields.astype(np.float32)
    names = ("opening", "width", "opening_by_loudness")
    measured = {group: dict(zip(names, correlations(net, clips, which))) for group, which in (("all", list(clips)), ("in_step", IN_STEP))}
    metadata = {
        "architecture": "speech-1",
        "licences": "as the repository",
        "data_sources": f"eSpeak NG and Flite reading Debian's fortunes; lips' fields: MediaPipe landmarks of {len(others)} training clips",
        "metrics": json.dumps({"correlation_with_clips": measured, "lips_explained": round(explained, 3)}),
    }
    tensorfile.write(out, tensors, metadata)
    print(metadata["metrics"], {k: v.shape for k, v in tensors.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("corpus")
    make.add_argument("--out", type=Path, required=True)
    make.add_argument("--utterances", type=int, default=4000)
    look = commands.add_parser("tracks")
    look.add_argument("--data", type=Path, required=True)
    look.add_argument("--out", type=Path, required=True)
    learn = commands.add_parser("train")
    learn.add_argument("--corpus", type=Path, required=True)
    learn.add_argument("--tracks", type=Path, required=True)
    learn.add_argument("--clips", type=Path, required=True)
    learn.add_argument("--out", type=Path, default=PRESETS.parent / "speech.safetensors")
    learn.add_argument("--steps", type=int, default=4000)
    learn.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    match args.command:
        case "corpus":
            corpus(args.out, args.utterances)
        case "tracks":
            track(args.data, args.out)
        case _:
            train(args)


if __name__ == "__main__":
    main()
