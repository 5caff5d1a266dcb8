"""How one anchor is trained, as plain values: the [[anchor]] tables of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from dnid.errors import BadInput
from dnid.packs.manifest import is_id
from dnipack.degrade import degradation
from dnipack.degrade.interval import check_probability

LOSSES = ("l1", "l2", "psnr")
_OF_A_MEAN = {"name", "degradation", "about", "target", "network", "mean"}
"""What a plan with `mean` may say; all else is about training."""


@dataclass(frozen=True)
class GanPlan:
    """Shares of a loss that wants texture, not the mean of all textures that could be."""

    pixel: float = 0.1
    """Of the anchor's `loss`."""
    perceptual: float = 1.0
    """Of the distance of a classifier's features (given by --features)."""
    grid: float = 20.0
    """Of a pattern that comes again with the enlargement's period (objective.py)."""
    energy: float = 0.0
    """Of how far the strength of texture is off, place by place (objective.py)."""
    adversarial: float = 0.5
    """The discriminator's pull at the picture, as a share of that of all the others; 0: none."""
    learning_rate: float = 2e-4
    """The discriminator's; it starts from scratch."""

    def __post_init__(self) -> None:
        shares = (self.pixel, self.perceptual, self.grid, self.energy, self.adversarial)
        if not all(type(s) in (int, float) and 0 <= s < 1e6 for s in shares):
            raise BadInput("The shares of gan are numbers of at least 0.")
        if not 0 < self.learning_rate < 1:
            raise BadInput("gan: 0 < learning_rate < 1 is needed.")


@dataclass(frozen=True)
class AnchorPlan:
    """One fine-tune."""

    name: str
    degradation: Mapping[str, Any]
    steps: int = 0
    """Optimiser steps; with `mean` none."""
    learning_rate: float = 0.0
    """Peak of the cosine."""
    parent: str | None = None
    """The anchor to start from; None for the ancestor, trained from scratch."""
    about: str = ""
    """One line for the manifest."""
    target: str = "clean"
    """`clean`: undo the degradation. `input`: give back what comes in, as an identity
    anchor must for degraded pictures too, or the slider would jump at its lower end.
    `degraded`: learn the degradation itself, as of a lens that is wanted."""
    loss: str = "l1"
    """`l1`: mean absolute error, which trains steadily. `l2`: mean square error, which is
    what PSNR measures; for the last fine-tune. `psnr`: its logarithm, picture by picture,
    so that faint noise counts as much as strong."""
    batch: int | None = None
    """Crops a step; None: the recipe's."""
    crop: int | None = None
    """Side of a training crop in pixels; None: the recipe's."""
    sizes: Sequence[float] | None = None
    """The photos are shown scaled down to these shares of their height and width, each
    equally often; None: as they are."""
    choose: int = 1
    """Of so many crops that are drawn, the one with most detail is shown. At 4 a fresh
    network that enlarges learnt in 300 steps what took it 500 with every crop."""
    recolour: bool = False
    """The colours of each crop change places, and half of the crops are negatives: the network
    has more to see, and sees less of what is particular to the photos it is shown."""
    prepare: Mapping[str, Any] | None = None
    """A degradation that is not to be undone: it makes the clean pictures (`zoom`)."""
    network: Mapping[str, Any] | None = None
    """A stepping stone's own network; None: the recipe's. A child of another network takes
    from its parent the layers that have the same name and shape; blocks that it has more of
    add nothing at first."""
    between: float = 0.0
    """Share of the steps that train a blend with the parent on the degradation between the
    two (between.py), with `gan` by likeness alone; the other steps train the anchor itself."""
    gan: Mapping[str, Any] | None = None
    """Fine-tune by features and a discriminator, with these options of GanPlan; None: by `loss`
    alone."""
    mean: Mapping[str, float] | None = None
    """Not trained, but the blend of anchors that stand before it, each with its share: fine-tunes
    of one parent err differently, and their mean errs less (Wortsman et al., Model soups, ICML
    2022)."""

    def __post_init__(self) -> None:
        degradation(self.degradation)
        if self.prepare is not None:
            degradation(self.prepare)
        if not is_id(self.name):
            raise BadInput(f"An anchor name {self.name!r} is not small letters, digits and dashes.")
        if self.target not in ("clean", "input", "degraded"):
            raise BadInput(f"Anchor {self.name}: target is `clean`, `input` or `degraded`.")
        if self.loss not in LOSSES:
            raise BadInput(f"Anchor {self.name}: loss is one of {', '.join(LOSSES)}.")
        for name in ("batch", "crop", "choose"):
            if getattr(self, name) is not None and not is_count(getattr(self, name)):
                raise BadInput(f"Anchor {self.name}: {name} is a whole number of at least 1.")
        shares = (1,) if self.sizes is None else self.sizes
        if not shares or not all(type(s) in (int, float) and 0 < s <= 1 for s in shares):
            raise BadInput(f"Anchor {self.name}: sizes lists shares above 0 and up to 1.")
        self._check_steps()
        check_probability(self.between, f"anchor {self.name}, between")
        if self.between and self.parent is None:
            raise BadInput(f"Anchor {self.name}: between needs a parent.")
        self.gan_plan()

    def _check_steps(self) -> None:
        if self.mean is None:
            if not is_count(self.steps) or not 0 < self.learning_rate < 1:
                raise BadInput(
                    f"Anchor {self.name}: steps ≥ 1 and 0 < learning_rate < 1 are needed."
                )
            return
        names = (f.name for f in fields(self) if getattr(self, f.name) != f.default)
        if vain := [name for name in names if name not in _OF_A_MEAN]:
            raise BadInput(
                f"Anchor {self.name}: a mean is not trained, {', '.join(vain)} would do nothing."
            )
        shares = list(self.mean.values()) if isinstance(self.mean, Mapping) else []
        numbers = all(type(share) in (int, float) and share > 0 for share in shares)
        if not numbers or abs(sum(shares) - 1) > 1e-6:
            raise BadInput(f"Anchor {self.name}: the shares of a mean are above 0 and sum to 1.")

    @property
    def sources(self) -> tuple[str, ...]:
        """The anchors that must be there before it."""
        return tuple(self.mean or ()) + ((self.parent,) if self.parent is not None else ())

    def gan_plan(self) -> GanPlan | None:
        """Raises BadInput for options that do not fit."""
        try:
            return None if self.gan is None else GanPlan(**self.gan)
        except TypeError as error:
            raise BadInput(f"Anchor {self.name}, gan: {error}") from error

    @property
    def shrinks(self) -> int:
        """How many times smaller the degraded picture is."""
        return int(getattr(degradation(self.degradation), "scale", 1))


def is_count(value: object) -> bool:
    return type(value) is int and value >= 1
