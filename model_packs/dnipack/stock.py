"""Anchors that need not be trained again: those of earlier runs and of packs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from dnid.errors import BadInput
from dnid.packs.anchors import read_anchor
from dnipack.recipe import TrainingRecipe
from dnipack.train import finished_file, load_finished, save_atomically


def take_anchor(recipe: TrainingRecipe, file: Path, work: Path) -> str:
    """Put a pack's anchor among the finished ones of `work`, for the plan of its name, which
    is returned. What was trained here already stays.

    A pack holds float16, so a child starts from its parent rounded; that the file was trained
    by this very plan is the caller's word. Raises BadInput for a name that the recipe does not
    have, PackDamaged for a file that does not fit its network.
    """
    plan = next((plan for plan in recipe.anchors if plan.name == file.stem), None)
    if plan is None:
        raise BadInput(f"The recipe has no anchor {file.stem}; the file is named by its anchor.")
    fingerprint = recipe.fingerprint(plan)
    done = finished_file(work, plan, fingerprint)
    if load_finished(done, fingerprint) is None:
        with torch.device("meta"):
            network = recipe.build_network(plan)
        state = read_anchor(file, _sha256(file), network.state_dict())
        floats = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
        save_atomically(floats, done, fingerprint)
    return plan.name


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInput(f"Cannot read {file}: {error}") from error


def needed(recipe: TrainingRecipe, work: Path) -> set[str]:
    """Names of the anchors that the pack is made of, and of what must be trained for them: a
    stepping stone whose children are finished is not trained again."""
    names = {plan.name for plan in recipe.shipped}
    for plan in reversed(recipe.anchors):  # children before parents
        if plan.name not in names:
            continue
        fingerprint = recipe.fingerprint(plan)
        if load_finished(finished_file(work, plan, fingerprint), fingerprint) is None:
            names.update(plan.sources)
    return names
