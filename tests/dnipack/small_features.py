"""A random classifier of two convolutions in Keras' layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

LAYERS: list[dict[str, Any]] = [
    {"type": "InputLayer", "name": "input_1"},
    {"type": "Conv2D", "name": "conv2d_1", "use_bias": False},
    {"type": "BatchNormalization", "name": "batch_normalization_1", "epsilon": 0.001},
    {"type": "LeakyReLU", "name": "leaky_re_lu_1", "alpha": 0.1},
    {"type": "MaxPooling2D", "name": "max_pooling2d_1"},
    {"type": "Conv2D", "name": "conv2d_2", "use_bias": False},
    {"type": "Conv2D", "name": "conv2d_3", "use_bias": True},
    {"type": "GlobalAveragePooling2D", "name": "global_average_pooling2d_1"},
]


def keras_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv2d_1.kernel": torch.randn(3, 3, 3, 4, generator=generator),
        "batch_normalization_1.gamma": torch.tensor([1.0, 2.0, 0.5, 1.0]),
        "batch_normalization_1.beta": torch.tensor([0.0, 0.1, -0.2, 0.0]),
        "batch_normalization_1.moving_mean": torch.tensor([0.1, 0.0, 0.3, 0.0]),
        "batch_normalization_1.moving_variance": torch.tensor([1.0, 4.0, 0.5, 1.0]),
        "conv2d_2.kernel": torch.randn(1, 1, 4, 5, generator=generator),
        "conv2d_3.kernel": torch.randn(1, 1, 5, 10, generator=generator),
        "conv2d_3.bias": torch.zeros(10),
    }


def write_features(folder: Path) -> Path:
    path = folder / "tiny.safetensors"
    save_file(keras_tensors(), path)
    path.with_suffix(".layers.json").write_text(json.dumps(LAYERS), encoding="utf-8")
    return path
