"""Train one anchor, from scratch or from its parent, and survive any stop.

Step k of a run draws its crops and its degradation from a generator seeded with
(seed, k), so a resumed run sees exactly what an uninterrupted one would and no
random state has to be saved.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dnid.dni.blend import AnchorStack
from dnid.errors import BadInput
from dnid.networks.edsr import EDSR
from dnid.networks.unet import UNet, zero_last_layer
from dnipack.between import Way, draw_share
from dnipack.degrade import degradation
from dnipack.features import Features
from dnipack.inherit import inherited
from dnipack.objective import objective_of
from dnipack.photos import CropSampler, Photo, middle, to_tensor
from dnipack.plan import AnchorPlan
from dnipack.precision import autocast
from dnipack.recipe import TrainingRecipe
from dnipack.scenes import Scenes, SceneSampler

CHECKPOINT_SECONDS = 120.0
VALIDATE_EVERY = 500
EMA_DECAY = 0.999
WARMUP_STEPS = 200
_VALIDATION_CROP = 256


State = dict[str, Tensor]


@dataclass(frozen=True)
class Moment:
    """Where a run stands; handed to the progress callback."""

    anchor: str
    step: int
    steps: int
    loss: float
    psnr: float | None
    """dB over the validation crops at the last validation."""


def train_anchor(
    recipe: TrainingRecipe,
    plan: AnchorPlan,
    training: Sequence[Photo] | Scenes,
    validation: Sequence[Photo],
    work: Path,
    report: Callable[[Moment], None],
    features: Features | None = None,
) -> State:
    """The anchor's weights (float32 on the CPU, the exponential mean of the last steps).

    `work` keeps a checkpoint while the run lasts and the weights when it is done, named
    by the plan's fingerprint: a changed plan never meets stale weights, and recipes
    whose first anchors are the same train them once. `features` are for anchors with
    `gan`. Raises BadInput when a parent or the features are missing.
    """
    fingerprint = recipe.fingerprint(plan)
    done = finished_file(work, plan, fingerprint)
    if (finished := load_finished(done, fingerprint)) is not None:
        return finished
    if plan.mean is not None:
        mean = _mean(recipe, plan, work)
        save_atomically(mean, done, fingerprint)
        return mean
    run = _Run(recipe, plan, work, features)
    sampler = _sampler(training, recipe.crop_of(plan), plan)
    probe = _validation_batches(recipe, plan, validation)
    psnr: float | None = None
    saved = time.monotonic()
    while run.step < plan.steps:
        loss = run.advance(sampler)
        if probe and (run.step % VALIDATE_EVERY == 0 or run.step == plan.steps):
            psnr = run.validate(probe)
        report(Moment(plan.name, run.step, plan.steps, loss, psnr))
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.save()
            saved = time.monotonic()
    save_atomically(run.average, done, fingerprint)
    run.checkpoint.unlink(missing_ok=True)
    return run.average


def _sampler(
    training: Sequence[Photo] | Scenes, size: int, plan: AnchorPlan
) -> CropSampler | SceneSampler:
    if isinstance(training, Scenes):
        return SceneSampler(training, size)
    return CropSampler(training, size, plan.sizes or (1.0,), plan.choose, plan.recolour)


class _Run:
    """Network, optimiser and mean of one anchor in training."""

    def __init__(
        self, recipe: TrainingRecipe, plan: AnchorPlan, work: Path, features: Features | None
    ) -> None:
        self.recipe, self.plan, self.fingerprint = recipe, plan, recipe.fingerprint(plan)
        self.checkpoint = finished_file(work, plan, self.fingerprint).with_suffix(".checkpoint")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = _fresh_network(recipe, plan)
        if plan.parent is not None:
            _inherit(self.network, recipe, plan, work)
        self.network.to(self.device)
        self.way = _way_from_parent(self.network, recipe, plan) if plan.between else None
        self.optimiser = torch.optim.Adam(self.network.parameters(), plan.learning_rate)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.pairs = _Pairs(plan)
        self.objective = objective_of(plan, features, self.device)
        self.step = 0
        self._resume()

    def advance(self, sampler: CropSampler | SceneSampler) -> float:
        rng = np.random.default_rng((self.recipe.seed, self.step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        clean = sampler.batch(self.recipe.batch_of(self.plan), rng).to(self.device)
        pace = _schedule(self.step, self.plan.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.learning_rate * pace
        share = draw_share(self.plan.between, rng)
        run, pairs = self._task(share)
        target, degraded = pairs.of(clean, generator)
        with autocast(self.device):
            output = run(degraded).float()
        loss = self.objective.loss(output, target, pace, blend=share < 1)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return float(loss.detach())

    def _task(self, share: float) -> tuple[Callable[[Tensor], Tensor], _Pairs]:
        """The network at this share of the way from the parent, and what it learns from."""
        if self.way is None or share == 1:
            return self.network, self.pairs
        pairs = _Pairs(self.plan, self.way.degradation(share))
        return partial(self.way.run, self.network, share=share), pairs

    def _update_average(self) -> None:
        state = self.network.state_dict()
        decay = min(EMA_DECAY, self.step / (self.step + 10))
        floats = [key for key, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [self.average[key] for key in floats], [state[key] for key in floats], 1 - decay
        )

    @torch.inference_mode()
    def validate(self, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
        state = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        self.network.eval()  # BatchNorm by its running statistics, and without changing them
        errors = [
            float((self.network(degraded.to(self.device)).cpu() - target).square().mean())
            for target, degraded in batches
        ]
        self.network.load_state_dict(state)
        self.network.train()
        return float(np.mean([-10 * math.log10(max(error, 1e-12)) for error in errors]))

    def save(self) -> None:
        """Write beside, then rename."""
        state = {
            "fingerprint": self.fingerprint,
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "objective": self.objective.state(),
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state: dict[str, Any] = torch.load(
            self.checkpoint, map_location=self.device, weights_only=True
        )
        if state["fingerprint"] != self.fingerprint:
            return
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.objective.load(state.get("objective", {}))  # older checkpoints have none


def finished_file(work: Path, plan: AnchorPlan, fingerprint: str) -> Path:
    """Where the weights lie when the anchor is trained."""
    return work / f"{plan.name}-{fingerprint[:12]}.safetensors"


def save_atomically(state: State, path: Path, fingerprint: str) -> None:
    partial = path.with_suffix(".partial")
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    save_file(tensors, partial, metadata={"fingerprint": fingerprint})
    partial.replace(path)


def _finished_state(recipe: TrainingRecipe, name: str, work: Path) -> State:
    plan = recipe.anchor(name)
    fingerprint = recipe.fingerprint(plan)
    state = load_finished(finished_file(work, plan, fingerprint), fingerprint)
    if state is None:
        raise BadInput(f"Anchor {name} must be trained first, by this recipe.")
    return state


def _mean(recipe: TrainingRecipe, plan: AnchorPlan, work: Path) -> State:
    assert plan.mean is not None
    stack = AnchorStack({name: _finished_state(recipe, name, work) for name in plan.mean})
    return stack.state(stack.blend(list(plan.mean.values())))


def load_finished(path: Path, fingerprint: str) -> State | None:
    """The weights of a finished anchor; None where they are not there or of another plan."""
    if not path.exists():
        return None
    with safe_open(path, "pt") as file:
        if (file.metadata() or {}).get("fingerprint") != fingerprint:
            return None
    return load_file(path)


def _fresh_network(recipe: TrainingRecipe, plan: AnchorPlan) -> nn.Module:
    torch.manual_seed(recipe.seed)
    network = recipe.build_network(plan)
    if isinstance(network, UNet | EDSR):
        zero_last_layer(network)
    return network


def _inherit(network: nn.Module, recipe: TrainingRecipe, plan: AnchorPlan, work: Path) -> None:
    assert plan.parent is not None
    state = _finished_state(recipe, plan.parent, work)
    if recipe.network_of(recipe.anchor(plan.parent)) != recipe.network_of(plan):
        state = inherited(network, state)
    network.load_state_dict(state)


def _way_from_parent(network: nn.Module, recipe: TrainingRecipe, plan: AnchorPlan) -> Way:
    """`network` holds the parent's weights still. Raises BadInput when the parent is another
    network, or degrades in another way."""
    assert plan.parent is not None
    parent = recipe.anchor(plan.parent)
    if recipe.network_of(parent) != recipe.network_of(plan):
        raise BadInput(f"Anchor {plan.name}: between needs a parent of the same network.")
    start = {k: v.detach().clone() for k, v in network.state_dict().items()}
    return Way(start, parent.degradation, plan.degradation)


def _schedule(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to 1/1000."""
    warmup = min(1.0, (step + 1) / min(WARMUP_STEPS, steps))
    return warmup * max(1e-3, 0.5 * (1 + math.cos(math.pi * step / steps)))


class _Pairs:
    """What an anchor learns from."""

    def __init__(self, plan: AnchorPlan, table: Mapping[str, Any] | None = None) -> None:
        """`table`: another degradation than the plan's."""
        self.prepare = degradation(plan.prepare) if plan.prepare is not None else None
        self.degrade = degradation(plan.degradation if table is None else table)
        self.target = plan.target

    def of(self, clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(target, what the network is shown)"""
        if self.prepare is not None:
            clean = self.prepare(clean, generator)
        degraded = self.degrade(clean, generator)
        match self.target:
            case "clean":
                return clean, degraded
            case "input":
                return degraded, degraded
            case _:
                return degraded, clean


def _validation_batches(
    recipe: TrainingRecipe, plan: AnchorPlan, photos: Sequence[Photo]
) -> list[tuple[Tensor, Tensor]]:
    """(target, degraded) middle crops, the same at every validation."""
    generator = torch.Generator().manual_seed(recipe.seed)
    pairs = _Pairs(plan)
    batches = []
    for photo in photos:
        clean = to_tensor(middle(photo, _VALIDATION_CROP))
        height, width = (side // plan.shrinks * plan.shrinks for side in clean.shape[-2:])
        clean = clean[..., :height, :width]
        batches.append(pairs.of(clean, generator))
    return batches
