"""Train the small network that finds what a photo is of (networks/subject.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.whole import find_subject, padded
from dnid.errors import NoSubject
from dnid.networks.subject import SubjectFinder, build_finder
from dnid.packs.manifest import Manifest
from dnipack.build import write_side_network
from dnipack.photos import to_tensor
from dnipack.precision import autocast
from dnipack.scenes import Scene, Scenes, SceneSampler

ARCHITECTURE = "unet"
OPTIONS: Mapping[str, Any] = {
    "channels": [32, 64, 96, 128, 160], "blocks": [1, 1, 1, 2, 2], "fold": 4,
}  # fmt: skip
CROP = 384
"""Pixels of the working size, most of the photo: what stands out does so from its surroundings."""
BATCH = 6
LEARNING_RATE = 1e-3
"""The peak of one cycle."""
EMA_DECAY = 0.995


def train_finder(
    scenes: Scenes, steps: int, *, start: SubjectFinder | None = None,
    progress: Callable[[float], object] = lambda _: None,
    batch: int = BATCH, crop: int = CROP, seed: int = 0,
) -> SubjectFinder:  # fmt: skip
    """A trained network, the mean of its last steps; `progress` gets each step's loss.

    `start` is trained further, with crops of its own by another `seed`. Raises BadInput for
    scenes without a clear subject.
    """
    torch.manual_seed(seed)
    network = build_finder(ARCHITECTURE, OPTIONS)
    if start is not None:
        network.load_state_dict(start.state_dict())
    average = build_finder(ARCHITECTURE, OPTIONS)
    average.requires_grad_(False).load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    sampler = SceneSampler(scenes, crop, drawn=0)
    for step in range(steps):
        rng = np.random.default_rng((seed, step))
        scene = sampler.batch(batch, rng)
        photo, wanted = _coloured(scene[:, :3], rng), scene[:, 3:]
        with autocast(photo.device):
            logits = network.logits(photo).float()
        loss = mask_loss(logits, wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        decay = min(EMA_DECAY, step / (step + 10))
        torch._foreach_lerp_(
            list(average.parameters()), [p.detach() for p in network.parameters()], 1 - decay
        )
        progress(float(loss.detach()))
    average.load_state_dict({k: v.half().float() for k, v in average.state_dict().items()})
    return average.eval()


def mask_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy of each pixel, and 1 − IoU of each picture (Rahman and Wang 2016)."""
    found = logits.sigmoid()
    both = (found * wanted).sum((1, 2, 3))
    either = (found + wanted - found * wanted).sum((1, 2, 3))
    pixels = F.binary_cross_entropy_with_logits(logits, wanted)
    return pixels + (1 - (both + 1) / (either + 1)).mean()


def _coloured(photo: Tensor, rng: np.random.Generator) -> Tensor:
    """Other light and white balance: a flower is not found by its colour alone."""
    shape = len(photo), 3, 1, 1
    gains = torch.from_numpy(rng.uniform(0.85, 1.15, shape)).float()
    curves = torch.from_numpy(rng.uniform(0.7, 1.4, (len(photo), 1, 1, 1))).float()
    return (photo * gains).clamp(0, 1) ** curves


@dataclass(frozen=True)
class Check:
    ious: list[float]
    """Of the clear subjects, at a threshold of one half; 0 where none was found."""
    found: int
    """In how many of the clear photos the engine finds a subject."""
    refused: int
    """In how many of the others it finds none."""


def check(network: SubjectFinder, clear: Sequence[Scene], others: Sequence[Scene]) -> Check:
    """How the network does on photos that it has not seen, asked as the engine asks it."""
    ious = [iou(_asked(network, scene), scene[..., 3] > 127) for scene in clear]
    found, taken = (sum(_finds(network, s) for s in scenes) for scenes in (clear, others))
    return Check(ious, found, len(others) - taken)


def iou(found: np.ndarray, wanted: np.ndarray) -> float:
    """Intersection over union of two masks of booleans."""
    union = int((found | wanted).sum())
    return int((found & wanted).sum()) / union if union else 1.0


@torch.inference_mode()
def _asked(network: SubjectFinder, scene: Scene) -> np.ndarray:
    photo = to_tensor(scene[..., :3])
    surely = network(padded(photo, network.multiple))
    return np.asarray(surely[0, 0, : scene.shape[0], : scene.shape[1]] > 0.5)


def _finds(network: SubjectFinder, scene: Scene) -> bool:
    try:
        find_subject(network, to_tensor(scene[..., :3]))
    except NoSubject:
        return False
    return True


def write_finder(folder: Path, manifest: Manifest, network: SubjectFinder) -> None:
    """subject.safetensors, then manifest.json with its hash and all else as it was."""
    write_side_network(folder, manifest, "subject", network, ARCHITECTURE, OPTIONS)
