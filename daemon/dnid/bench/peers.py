"""Other ways to run the same network on the same picture, for `dnid bench`.

Each works as its users usually do: 512-pixel tiles with 10 pixels of padding,
float32 pixels in, uint8 out; weights fixed when it is prepared. A network that
enlarges does so here, too.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dnid.bench.pictures import Photo

TILE, PADDING = 512, 10

Peer = Callable[[Photo], Photo]
"""H×W×3 uint8 → the same, enlarged by the network's scale."""
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""1×3×h×w in 0..1 → 1×3×(s·h)×(s·w)."""


def eager(network: nn.Module) -> Peer:
    """torch as everybody starts: eager, float32, NCHW."""
    return _tiled(lambda x: network(torch.from_numpy(x)).numpy())


def onnxruntime(network: nn.Module) -> Peer:
    """ONNX Runtime on the processor. Raises ImportError where it is not installed."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = ort.InferenceSession(_as_onnx(network), options, ["CPUExecutionProvider"])
    return _tiled(lambda x: session.run(None, {"x": x})[0])


def openvino(network: nn.Module) -> Peer:
    """OpenVINO, which takes bfloat16 where the processor has it. Raises ImportError."""
    import openvino as ov

    core = ov.Core()
    model = ov.convert_model(io.BytesIO(_as_onnx(network)))
    threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16", **threads})
    return _tiled(lambda x: compiled(x)[0])


PEERS: dict[str, Callable[[nn.Module], Peer]] = {
    "eager": eager,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
}


def _tiled(run: Run) -> Peer:
    def restore(photo: Photo) -> Photo:
        x = photo.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        height, width = photo.shape[:2]
        out = None
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                bottom, right = min(top + TILE, height), min(left + TILE, width)
                up, before = max(top - PADDING, 0), max(left - PADDING, 0)
                tile = _to_multiple(x[..., up : bottom + PADDING, before : right + PADDING])
                result = run(tile)
                s = result.shape[-1] // tile.shape[-1]
                rows = slice((top - up) * s, (bottom - up) * s)
                columns = slice((left - before) * s, (right - before) * s)
                part = np.rint(result[0, :, rows, columns].clip(0, 1) * 255).transpose(1, 2, 0)
                if out is None:
                    out = np.empty((height * s, width * s, 3), np.uint8)
                out[top * s : bottom * s, left * s : right * s] = part
        assert out is not None
        return out

    return restore


def _to_multiple(tile: NDArray[np.float32], multiple: int = 8) -> NDArray[np.float32]:
    bottom, right = (-side % multiple for side in tile.shape[-2:])
    return np.pad(tile, ((0, 0), (0, 0), (0, bottom), (0, right)), mode="edge")


def _as_onnx(network: nn.Module) -> bytes:
    import onnx  # noqa: F401 - the exporter needs it; without it, say so at once

    axes = {"x": {2: "height", 3: "width"}, "y": {2: "height", 3: "width"}}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter that needs no more
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network, (torch.rand(1, 3, 64, 64),), path, input_names=["x"], output_names=["y"],
            dynamic_axes=axes, dynamo=False,
        )  # fmt: skip
        return path.read_bytes()
