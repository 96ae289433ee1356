"""The same networks in other engines, for `cargo xtask bench --peers`.

peers.py make FOLDER                      write dense_motion, synthesis (preset S), unet4 and unet15 for every engine
peers.py serve PEER PRECISION NETWORK FOLDER NAME
                                          run one network in PEER (ncnn-vulkan, onnxruntime-cpu, openvino-cpu) in f32, ncnn-vulkan
                                          also in f16_packed (halves stored, f32 computed) and f16; on the GPU of that name where
                                          PEER uses one
peers.py has PEER                         whether it can be used

unet4 and unet15 are two plain U-Nets at 256² with seeded weights, 4.5 GFLOP with added skips and 15.3 with concatenated ones.
For each network `make` writes NAME.json (layers), NAME.safetensors, NAME.x (input, NCHW f32), NAME.onnx, NAME.param and NAME.bin.
`serve` writes its output as NAME.PEER, prints `ready` and the name of the adapter it really runs on, and then for each line on
stdin `took` and the seconds of one run: from the input in host memory to the output there. burn-peer speaks the same way.
"""

import json
import struct
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "weights"))
import tensorfile  # noqa: E402


class Net:
    """Layers and weights of one network."""

    def __init__(self, name: str, shape: list[int]):
        self.name, self.shape, self.layers, self.weights = name, shape, [], {}

    def layer(self, op: str, inputs: list[str], **more) -> str:
        out = f"v{len(self.layers)}"
        self.layers.append({"op": op, "in": inputs, "out": out, **more})
        return out

    def conv(self, x: str, weight: np.ndarray, bias: np.ndarray, stride: int = 1, relu: bool = True) -> str:
        out = self.layer("conv", [x], outputs=weight.shape[0], kernel=weight.shape[2], stride=stride, relu=relu)
        self.weights[f"{out}.weight"], self.weights[f"{out}.bias"] = weight, bias
        return out

    def up(self, x: str) -> str:
        """Nearest ×2."""
        return self.layer("up", [x])

    def conv_joined(self, how: str, x: str, skip: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """A convolution of what is joined (concat, add) from `x` ×2 and `skip`. As a convolution is linear, ours computes it
        as two that share a sum, the first of which takes ×2 in without a copy: their weights are OUT.up and OUT.skip."""
        out = self.conv(self.layer(how, [self.up(x), skip]), weight, bias)
        split = weight.shape[1] - self.channels(skip) if how == "concat" else 0
        self.weights[f"{out}.up.weight"] = np.ascontiguousarray(weight[:, :split] if split else weight)
        self.weights[f"{out}.up.bias"] = np.zeros_like(bias)
        self.weights[f"{out}.skip.weight"] = np.ascontiguousarray(weight[:, split:])
        self.weights[f"{out}.skip.bias"] = bias
        return out

    def channels(self, value: str) -> int:
        """Of what a convolution has made."""
        return self.weights[f"{value}.weight"].shape[0]


def trained(name: str, tensors: dict[str, np.ndarray], channels: int, side: int) -> Net:
    """One of the two U-Nets of preset S with its trained weights; masks and pseudo views, which are constants, are left out."""
    net = Net(name, [channels, side, side])

    def conv(x: str, layer: str, stride: int = 1, relu: bool = True) -> str:
        weight, bias = (tensors[f"{name}.{layer}.conv.{part}"].astype(np.float32) for part in ("weight", "bias"))
        if layer == "fusion":
            weight = weight[:, : weight.shape[0]]
        return net.conv(x, np.ascontiguousarray(weight), bias, stride, relu)

    levels = [conv("x", "stem")]
    for i in range(5):
        levels.append(conv(levels[-1], f"enc.{i}", 2))
    y = conv(levels[-1], "fusion", relu=False) if name == "synthesis" else levels[-1]
    for i, skip in enumerate(reversed(levels[:-1])):
        y = conv(net.up(y), f"dec.{i}")
        y = net.layer("concat", [y, skip])
    conv(y, "head", relu=False)
    return net


def plain(name: str, big: bool) -> Net:
    """A plain U-Net with seeded weights."""
    net, rng = Net(name, [3, 256, 256]), np.random.default_rng(0)

    def seeded(inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
        scale = np.sqrt(2 / (9 * inputs))
        return (rng.standard_normal((outputs, inputs, 3, 3)) * scale).astype(np.float32), np.zeros(outputs, np.float32)

    def conv(x: str, inputs: int, outputs: int, stride: int = 1, relu: bool = True) -> str:
        return net.conv(x, *seeded(inputs, outputs), stride, relu)

    def join(x: str, skip: str, inputs: int, outputs: int) -> str:
        return net.conv_joined("concat" if big else "add", x, skip, *seeded(inputs, outputs))

    def level(x: str, inputs: int, outputs: int, stride: int) -> str:
        y = conv(x, inputs, outputs, stride)
        return conv(y, outputs, outputs) if big else y

    e1 = level("x", 3, 32, 1)
    e2 = level(e1, 32, 64, 2)
    e3 = level(e2, 64, 128, 2)
    b = conv(conv(e3, 128, 128, 2), 128, 128)
    u = join(b, e3, 256 if big else 128, 128 if big else 64)
    u = join(u, e2, 192 if big else 64, 64 if big else 32)
    u = join(u, e1, 96 if big else 32, 32)
    conv(u, 32, 3, relu=False)
    return net


def write(net: Net, folder: Path) -> None:
    description = {"name": net.name, "input": net.shape, "layers": net.layers}
    (folder / f"{net.name}.json").write_text(json.dumps(description))
    tensorfile.write(folder / f"{net.name}.safetensors", net.weights, {})
    np.random.default_rng(1).random(net.shape, np.float32).tofile(folder / f"{net.name}.x")
    write_onnx(net, folder)
    write_ncnn(net, folder)


def write_onnx(net: Net, folder: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], [numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice")]
    for layer in net.layers:
        op, inputs, out = layer["op"], layer["in"], layer["out"]
        if op == "conv":
            pad, stride, kernel = layer["kernel"] // 2, layer["stride"], layer["kernel"]
            constants += [numpy_helper.from_array(net.weights[f"{out}.{p}"], f"{out}.{p}") for p in ("weight", "bias")]
            raw = f"{out}.raw" if layer["relu"] else out
            given = [*inputs, f"{out}.weight", f"{out}.bias"]
            nodes.append(
                helper.make_node("Conv", given, [raw], kernel_shape=[kernel] * 2, pads=[pad] * 4, strides=[stride] * 2)
            )
            if layer["relu"]:
                nodes.append(helper.make_node("Relu", [raw], [out]))
        elif op == "up":
            how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            nodes.append(helper.make_node("Resize", [*inputs, "", "twice"], [out], **how))
        elif op == "add":
            nodes.append(helper.make_node("Add", inputs, [out]))
        else:
            nodes.append(helper.make_node("Concat", inputs, [out], axis=1))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *net.shape])
    y = helper.make_tensor_value_info(net.layers[-1]["out"], TensorProto.FLOAT, [1, "c", "h", "w"])
    graph = helper.make_graph(nodes, net.name, [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, folder / f"{net.name}.onnx")


def write_ncnn(net: Net, folder: Path) -> None:
    uses: dict[str, int] = {}
    for layer in net.layers:
        for name in layer["in"]:
            uses[name] = uses.get(name, 0) + 1
    lines, data, copies = [], b"", {}
    c, h, w = net.shape

    def emit(kind: str, name: str, inputs: list[str], outputs: list[str], parameters: str = "") -> None:
        lines.append((f"{kind} {name} {len(inputs)} {len(outputs)} {' '.join(inputs + outputs)} {parameters}", len(outputs)))

    def fan_out(name: str) -> None:
        """ncnn wants one blob for each reader."""
        if uses.get(name, 0) > 1:
            copies[name] = [f"{name}_{i}" for i in range(uses[name])]
            emit("Split", f"{name}_split", [name], list(copies[name]))

    emit("Input", "x", [], ["x"], f"0={w} 1={h} 2={c}")
    fan_out("x")
    for layer in net.layers:
        op, out = layer["op"], layer["out"]
        inputs = [copies[name].pop(0) if name in copies else name for name in layer["in"]]
        if op == "conv":
            weight, bias = net.weights[f"{out}.weight"], net.weights[f"{out}.bias"]
            k, s = layer["kernel"], layer["stride"]
            parameters = f"0={layer['outputs']} 1={k} 3={s} 4={k // 2} 5=1 6={weight.size}"
            emit("Convolution", out, inputs, [out], parameters + (" 9=1" if layer["relu"] else ""))
            data += struct.pack("<I", 0) + weight.tobytes() + bias.tobytes()
        elif op == "up":
            emit("Interp", out, inputs, [out], "0=1 1=2.0 2=2.0")
        elif op == "add":
            emit("BinaryOp", out, inputs, [out], "0=0")
        else:
            emit("Concat", out, inputs, [out], "0=0")
        fan_out(out)
    text = "\n".join(line for line, _ in lines)
    (folder / f"{net.name}.param").write_text(f"7767517\n{len(lines)} {sum(n for _, n in lines)}\n{text}\n")
    (folder / f"{net.name}.bin").write_bytes(data)


def make(folder: Path) -> None:
    tensors, _ = tensorfile.read(ROOT / "weights/portrait_s.safetensors")
    write(trained("dense_motion", tensors, tensors["dense_motion.stem.conv.weight"].shape[1], 64), folder)
    write(trained("synthesis", tensors, tensors["synthesis.stem.conv.weight"].shape[1], 256), folder)
    write(plain("unet4", False), folder)
    write(plain("unet15", True), folder)


def runner(peer: str, precision: str, name: str, folder: Path, gpu: str):
    """The adapter's name, and a function that runs the network once and returns its output."""
    description = json.loads((folder / f"{name}.json").read_text())
    x = np.fromfile(folder / f"{name}.x", np.float32).reshape(description["input"])
    if precision != "f32" and peer != "ncnn-vulkan":
        sys.exit(f"{peer} runs in f32 only")
    if peer == "ncnn-vulkan":
        import ncnn

        names = [ncnn.get_gpu_info(i).device_name() for i in range(ncnn.get_gpu_count())]
        if gpu not in names:
            sys.exit(f"ncnn finds no adapter `{gpu}`, only {names}")
        net = ncnn.Net()
        net.opt.use_vulkan_compute = True
        net.set_vulkan_device(names.index(gpu))
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = precision != "f32"
        net.opt.use_fp16_arithmetic = precision == "f16"
        net.opt.use_bf16_storage = False
        if net.load_param(str(folder / f"{name}.param")) or net.load_model(str(folder / f"{name}.bin")):
            sys.exit(f"ncnn cannot load {name}")

        def run():
            extractor = net.create_extractor()
            extractor.input("x", ncnn.Mat(x))  # borrows the array, which outlives the run
            return np.array(extractor.extract(description["layers"][-1]["out"])[1])

        return net.vulkan_device().info().device_name(), run
    if peer == "onnxruntime-cpu":
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        return "cpu", lambda: session.run(None, {"x": x[None]})[0]
    import openvino

    how = {"INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(folder / f"{name}.onnx", "CPU", how).create_infer_request()
    return "cpu", lambda: request.infer({0: x[None]})[0]


def serve(peer: str, precision: str, name: str, folder: Path, gpu: str) -> None:
    adapter, run = runner(peer, precision, name, folder, gpu)
    np.ascontiguousarray(run(), np.float32).tofile(folder / f"{name}.{peer}")
    print(f"ready {adapter}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(f"took {time.perf_counter() - start}", flush=True)


def has(peer: str) -> None:
    import onnx  # noqa: F401

    __import__(peer.split("-")[0])
    if peer == "ncnn-vulkan":
        import ncnn

        if ncnn.get_gpu_count() == 0:
            sys.exit("ncnn finds no Vulkan device")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            make(Path(folder))
        case ["serve", peer, precision, name, folder, gpu]:
            serve(peer, precision, name, Path(folder), gpu)
        case ["has", peer]:
            has(peer)
        case _:
            sys.exit(__doc__)
