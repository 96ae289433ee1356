# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "opencv-python-headless", "ai-edge-litert", "torch"]
# ///
"""Make tests/fixtures from NASA's astronaut portrait, a rendered CC0 driver clip and the weight files.

    python make_fixtures.py --wheel mediapipe-0.10.14-....whl --driver driver_synthetic.mp4

`mediapipe.safetensors` holds network inputs and the outputs of the original runtime; `s_frame{0,1}.safetensors` hold one frame
each of preset S, f32 arithmetic in PyTorch on the shipped weights; `fast_frame0.safetensors` one of preset fast on seeded noise
for weights; `speech.safetensors` a sentence that Flite says (Debian `flite`), and what its mouth does. tests/fixtures/README.md lists the
tensors.

    python make_fixtures.py --weights portrait_x.safetensors --out FOLDER

makes `frame{0,1}.safetensors` of these weights from the pictures and facial points of the stored frames; `cargo xtask parity` does.
"""

import argparse
import math
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import torch

import tensorfile

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "tests/fixtures"
sys.path.insert(0, str(HERE / "training"))

from portrait_training import refine, voices  # noqa: E402
from portrait_training.export import fold  # noqa: E402
from portrait_training.folded import Folded  # noqa: E402
from portrait_training.networks import Portrait  # noqa: E402
from portrait_training.prepare import fill_background, normalised  # noqa: E402
from portrait_training.presets import INDICES, preset  # noqa: E402
from portrait_training.speech import DELAY, HOP, SCALE, Speech, features  # noqa: E402
from portrait_training.tracker import Detector, Mesh, Net, Roi  # noqa: E402

PHOTO_CROP = (96, 0, 256)  # x, y, side in the astronaut picture
WARM_UP = 25  # steps of silence before speech
FAST_SEED = 7  # of the noise that stands in for weights of preset fast
DRIVER_FRAMES = (0, 38, 71)  # the rest frame, then one per fixture

# Crops of the astronaut picture: centre x, y, side in pixels, roll in radians.
MESH = [(223, 122, 190, 0.0), (223, 118, 240, 0.25), (232, 128, 210, -0.35), (210, 130, 300, 0.1)]
DETECTOR = [(256, 256, 512, 0.0), (230, 140, 300, 0.2), (200, 180, 700, -0.15)]
SEGMENTATION = [(256, 256, 512, 0.0)]


def crop(image: np.ndarray, where: tuple, size: int) -> np.ndarray:
    return cv2.warpAffine(image, Roi(*where).matrix(size), (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def originals(wheel: Path) -> dict[str, Net]:
    with zipfile.ZipFile(wheel) as z:
        read = lambda member: Net(content=z.read(f"mediapipe/modules/{member}.tflite"))
        return {
            "detector": read("face_detection/face_detection_short_range"),
            "mesh": read("face_landmark/face_landmark"),
            "segmentation": read("selfie_segmentation/selfie_segmentation"),
        }


def mediapipe(nets: dict[str, Net], photo: np.ndarray) -> dict[str, np.ndarray]:
    out = {}
    plan = {
        "mesh": (MESH, 192, 1 / 255, 0, {"points": (468, 3), "score": (1,)}),
        "detector": (DETECTOR, 128, 1 / 127.5, -1, {"regressors": (896, 16), "scores": (896,)}),
        "segmentation": (SEGMENTATION, 256, 1 / 255, 0, {"alpha": (256, 256)}),
    }
    for name, (crops, size, scale, offset, outputs) in plan.items():
        for i, where in enumerate(crops):
            picture = crop(photo, where, size)
            out[f"{name}.{i}.roi"] = np.array(where, np.float32)
            out[f"{name}.{i}.input"] = picture
            values = nets[name](picture.astype(np.float32) * np.float32(scale) + np.float32(offset))
            for (key, shape), value in zip(outputs.items(), values, strict=True):
                out[f"{name}.{i}.{key}"] = value.reshape(shape)
    return out


def mesh_points(nets: dict[str, Net], picture: np.ndarray) -> np.ndarray:
    """The 106 points of the mesh in a 256 px picture, (106, 2) in pixels; the crop is refined once."""
    mesh, roi = Mesh(nets["mesh"], 192), Detector(nets["detector"])(picture)
    points, _ = mesh(picture, roi)
    points, present = mesh(picture, Roi.around(points))
    if present < 0.5:
        raise SystemExit("no face")
    return points[INDICES, :2]


def facial(nets: dict[str, Net], picture: np.ndarray) -> torch.Tensor:
    """The 108 facial points of a 256 px picture, (1, 108, 2) in [-1, 1]."""
    return torch.from_numpy(normalised(refine.Exported.load()(picture, mesh_points(nets, picture))))[None]


def refinement(nets: dict[str, Net], pictures: list[np.ndarray]) -> dict[str, np.ndarray]:
    """What the refiner sees and says, in the engine's coordinates."""
    net, out = refine.Exported.load(), {}
    for i, picture in enumerate(pictures):
        raw = mesh_points(nets, picture)
        crops = refine.Crops(raw[None])
        atlas = crops.cut(picture)
        values = {"picture": picture, "raw": normalised(raw), "crops": atlas, "facial": normalised(net(picture, raw))}
        out |= {f"{i}.{name}": value for name, value in values.items()}
    return out


def planar(picture: np.ndarray) -> torch.Tensor:
    t = torch.from_numpy(picture).float() / 255
    return (t.permute(2, 0, 1) if t.ndim == 3 else t[None])[None]


def frames(path: Path, numbers: tuple[int, ...]) -> list[np.ndarray]:
    capture, found = cv2.VideoCapture(str(path)), {}
    for n in range(max(numbers) + 1):
        ok, picture = capture.read()
        if not ok:
            raise SystemExit(f"{path}: only {n} frames")
        if n in numbers:
            found[n] = np.ascontiguousarray(picture[..., ::-1])
    return [found[n] for n in numbers]


def frame(net: Folded, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """What is stored of a frame; of the flow, which has the picture's size, every fourth pixel across and down."""
    made = net.frame(*inputs)
    return made | {"flow": made["flow"][..., ::4, ::4]}


@torch.no_grad()
def portrait(nets: dict[str, Net], photo: np.ndarray, driver: Path) -> list[dict[str, np.ndarray]]:
    tensors, metadata = tensorfile.read(HERE / "portrait_s.safetensors")
    net = Folded(tensors, preset(metadata["preset"]))
    x, y, side = PHOTO_CROP
    src = np.ascontiguousarray(photo[y : y + side, x : x + side])
    smask = (nets["segmentation"](src / 255.0)[0].reshape(side, side) * 255).clip(0, 255).astype(np.uint8)
    back = fill_background(src, smask)
    first, *rest = frames(driver, DRIVER_FRAMES)
    fk_s, nk_s = source = facial(nets, src), net.neural_keypoints(planar(src))
    fk_d0, nk_d0 = start = facial(nets, first), net.neural_keypoints(planar(first))
    kp_s, out = net.merge(*source), []
    for drv in rest:
        fk_d, nk_d = now = facial(nets, drv), net.neural_keypoints(planar(drv))
        facial_d, kp_d = net.relative(source, now, start)
        values = dict(fk_s=fk_s, fk_d=fk_d, fk_d0=fk_d0, facial_d=facial_d, nk_s=nk_s, nk_d=nk_d, nk_d0=nk_d0, kp_s=kp_s, kp_d=kp_d)
        values |= dict(kp_d_absolute=net.merge(*now)) | frame(net, planar(src), planar(smask), planar(back), fk_s, kp_s, kp_d, facial_d)
        arrays = {name: t[0].numpy() for name, t in values.items()}
        out.append(dict(src=src, smask=smask, back=back, drv=drv, **arrays))
    return out


def noise(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The values that the engine's seeded weights have: uniform, of He scale, by SplitMix64; `Weights::seeded` in Rust."""
    golden, state = 0x9E3779B97F4A7C15, seed ^ 0x9E3779B97F4A7C15
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(state) + np.uint64(golden) * np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    unit = ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)
    scale = np.sqrt(np.float32(6 / math.prod(shape[1:]))) if len(shape) > 1 else np.float32(0.1)
    return ((2 * unit - 1) * scale).reshape(shape)


@torch.no_grad()
def again(weights: Path, stored: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A stored frame's pictures and facial points through other weights; and their metadata."""
    tensors, metadata = tensorfile.read(weights)
    net = Folded(tensors, preset(metadata["preset"]))
    given = {name: np.array(stored[name]) for name in ("src", "smask", "back", "drv", "fk_s", "fk_d", "fk_d0")}
    if net.config["image"] != given["src"].shape[0]:
        raise SystemExit(f"preset {metadata['preset']} has {net.config['image']} px; the stored frames have {given['src'].shape[0]}")
    src, smask, back, drv = (planar(given[name]) for name in ("src", "smask", "back", "drv"))
    fk_s, fk_d, fk_d0 = (torch.from_numpy(given[name])[None] for name in ("fk_s", "fk_d", "fk_d0"))
    nk_s, nk_d, nk_d0 = net.neural_keypoints(src), net.neural_keypoints(drv), torch.from_numpy(np.array(stored["nk_d0"]))[None]
    kp_s, (facial_d, kp_d) = net.merge(fk_s, nk_s), net.relative((fk_s, nk_s), (fk_d, nk_d), (fk_d0, nk_d0))
    values = dict(facial_d=facial_d, nk_s=nk_s, nk_d=nk_d, nk_d0=nk_d0, kp_s=kp_s, kp_d=kp_d, kp_d_absolute=net.merge(fk_d, nk_d))
    values |= frame(net, src, smask, back, fk_s, kp_s, kp_d, facial_d)
    return given | {name: t[0].numpy() for name, t in values.items()}, metadata


@torch.no_grad()
def fast(s: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Preset fast on noise, given the pictures and facial points of a frame of preset S."""
    config = preset("fast")
    net = Folded({name: noise(FAST_SEED, name, tuple(t.shape)) for name, t in fold(Portrait(config)).items()}, config)
    src, smask, back, drv = (planar(s[name]) for name in ("src", "smask", "back", "drv"))
    fk_s, fk_d = (torch.from_numpy(np.array(s[name]))[None] for name in ("fk_s", "fk_d"))
    nk_s, nk_d = net.neural_keypoints(src), net.neural_keypoints(drv)
    kp_s, kp_d = net.merge(fk_s, nk_s), net.merge(fk_d, nk_d)
    made = frame(net, src, smask, back, fk_s, kp_s, kp_d, fk_d)
    out = dict(nk_s=nk_s, nk_d=nk_d, kp_s=kp_s, kp_d=kp_d, flow=made["flow"], out=made["out"])
    return {name: t[0].numpy() for name, t in out.items()}


HALF = ("mouth", "warped", "heat", "dmn_head", "full_warp", "given", "syn_head", "bottleneck")
ONLY_FIRST = ("mouth", "warped", "heat", "marks", "dmn_head", "full_warp", "given", "syn_head", "bottleneck")


def speech() -> dict[str, np.ndarray]:
    """A sentence, and the lips that the network reads from it after half a second of silence, as the runtime does."""
    said, _ = voices.flite("My baby bought a blue boat.", "slt")
    sound = np.concatenate([np.zeros(1600), said, np.zeros(4800)]).astype(np.float16)
    tensors, _ = tensorfile.read(HERE / "speech.safetensors")
    net = Speech()
    net.load_state_dict(
        {name.removeprefix("speech."): torch.from_numpy(value.astype(np.float32)) for name, value in tensors.items() if name != "speech.lips"}
    )
    silence = np.zeros(WARM_UP * 2 * HOP, np.float32)
    x = features(np.concatenate([silence, sound.astype(np.float32)]))
    with torch.no_grad():
        lips = net(torch.from_numpy(x)[None])[0].numpy() / SCALE  # the file's numbers are scaled already
    return {"sound": sound, "lips": lips[WARM_UP + DELAY :]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--driver", type=Path)
    parser.add_argument("--weights", type=Path, help="make frames of these weights instead, into --out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheet", type=Path, help="write a picture to look at: source, driver, out")
    args = parser.parse_args()
    if args.weights:
        if not args.out:
            parser.error("--weights needs --out FOLDER")
        for i in range(2):
            values, metadata = again(args.weights, tensorfile.read(FIXTURES / f"s_frame{i}.safetensors")[0])
            note = {"preset": metadata["preset"], "weights_file": str(args.weights.resolve())}
            tensorfile.write(args.out / f"frame{i}.safetensors", values, note)
        return
    if not (args.wheel and args.driver):
        parser.error("--wheel and --driver are needed, or --weights and --out")
    nets = originals(args.wheel)
    photo = np.ascontiguousarray(cv2.imread(str(HERE.parent / "assets/astronaut.png"))[..., ::-1])
    note = {"picture": "astronaut: NASA, public domain", "wheel": "mediapipe 0.10.14, Apache-2.0"}
    outputs = mediapipe(nets, photo)
    tensorfile.write(FIXTURES / "mediapipe.safetensors", outputs, note)
    x, y, side = PHOTO_CROP
    pictures = [np.ascontiguousarray(photo[y : y + side, x : x + side]), *frames(args.driver, DRIVER_FRAMES[1:])]
    tensorfile.write(FIXTURES / "refiner.safetensors", refinement(nets, pictures), note)
    tensorfile.write(FIXTURES / "speech.safetensors", speech(), {"voice": "Flite's slt", "says": "My baby bought a blue boat."})
    sheets = []
    for i, values in enumerate(portrait(nets, photo, args.driver)):
        if i == 0:
            made = fast(values)
            made["out"] = made["out"].astype(np.float16)
            tensorfile.write(FIXTURES / "fast_frame0.safetensors", made, {"weights": f"noise of seed {FAST_SEED}"})
        sheets.append(np.hstack([values["src"], values["drv"], (values["out"].transpose(1, 2, 0) * 255).round().astype(np.uint8)]))
        values.pop("occlusion")
        if i > 0:
            for name in ONLY_FIRST:
                values.pop(name)
            values["out"] = values["out"].astype(np.float16)
        values = {k: v.astype(np.float16) if k in HALF else v for k, v in values.items()}
        version = tensorfile.read(HERE / "portrait_s.safetensors")[1]["version"]
        note = {"picture": "astronaut: NASA, public domain", "driver": "rendered from MakeHuman parts, CC0", "weights": "portrait_s " + version}
        tensorfile.write(FIXTURES / f"s_frame{i}.safetensors", values, note)
    if args.sheet:
        cv2.imwrite(str(args.sheet), np.vstack(sheets)[..., ::-1])


if __name__ == "__main__":
    main()
