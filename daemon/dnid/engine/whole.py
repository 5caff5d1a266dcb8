"""One stage over the whole picture: at a working size, its change brought to full size.

For a network that must see all of a photo at once, and whose effect is a share of the photo's
size: depth of field. The network gets the photo at the pack's working size, the subject filled
in from around it so that nothing of it can bleed (behind.py), and a focus map, 1 where it stays
sharp; what comes out has few pixels, and the photo must keep all of its own where it is sharp.
So the softened background alone is enlarged, as a layer with the weights 1 − focus, and laid
behind the photo by a focus map that follows the photo's own edges (lift.py).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dnid.engine.behind import without_subject
from dnid.engine.lift import Lift, Place, guide
from dnid.engine.part import Part
from dnid.engine.pixels import (
    FILL_RADIUS,
    Image,
    TileReader,
    check_image,
    check_mask,
    has_alpha,
    strength_tile,
)
from dnid.engine.reduce import reduce_picture
from dnid.engine.runner import PackRunner
from dnid.engine.stage import Counter, check_shares
from dnid.engine.tiling import Box, strips
from dnid.errors import BadImage, BadMask, NoSubject
from dnid.networks.subject import SubjectFinder
from dnid.recipe import Stage

STEEP = 4.0
"""With a mask the strength lies in the network's weights, pixel by pixel. The focus map only
says what must not bleed: from a quarter of the strength on, a pixel is background."""
NEARLY_BLACK = 0.02
"""Share of the largest strength up to which a pixel keeps its place in the subject: what was
painted, or found, as black is rarely clean."""
MIN_CONFIDENCE = 0.8
MIN_AREA, MAX_AREA = 0.003, 0.85
"""Shares of the picture that a subject may take."""


class WholeRun:
    """One stage over one picture; the same face as StageRun."""

    is_approximate = False

    def __init__(
        self,
        runner: PackRunner,
        finder: SubjectFinder | None,
        stage: Stage,
        image: Image,
        mask: Image | None,
        part: Part | None = None,
    ) -> None:
        """`part` says where `image` and `mask` lie in a larger picture.

        Raises BadRecipe for shares that do not fit the pack or cannot follow a mask."""
        if stage.shares is not None:
            check_shares(stage.shares, runner, mask)
        self.runner, self.finder, self.stage, self.mask = runner, finder, stage, mask
        self.part = part
        self.cores = strips(*image.shape[:2])

    def run(self, image: Image, counter: Counter) -> Image:
        """What becomes of `image`. Raises NoSubject without a mask where nothing stands out."""
        counter.before_tile()
        reader = TileReader(image)
        out = reader.empty_result()
        lift = self._lift(image)
        for core in self.cores:
            counter.before_tile()
            box = with_context(image, core)
            tile = reader.read(box)[..., *core.relative_to(box).slices]
            focus = None if self.mask is None else self._focus(self._strengths(core))
            result = lift.apply(tile, core, focus)
            untouched = None if focus is None else focus == 1
            reader.write(result, core, core, out, untouched)
            counter.done += 1
        return out

    def _lift(self, image: Image) -> Lift:
        """All that the strips need: the network has run."""
        whole, mask, place = image, self.mask, Place(*image.shape[:2])
        if self.part is not None:
            whole, mask = self.part.image, self.part.mask
            place = Place(self.part.height, self.part.width, self.part.top, self.part.left)
        side = self.runner.pack.manifest.working_side
        photo = reduce_picture(TileReader(whole), side)
        if mask is None:
            focus, strengths = find_subject(self.finder, photo), None
            edges = guide(photo, focus)
        else:
            strengths = reduce_picture(_Strengths(mask, self.stage), side)[0, 0]
            focus, edges = self._focus(strengths)[None, None], None
        behind = without_subject(photo, focus)
        soft = self._run(behind, focus, strengths)
        return Lift(behind, soft, focus, place, image.shape[1], edges)

    def _run(self, photo: Tensor, focus: Tensor, strengths: Tensor | None = None) -> Tensor:
        """The network's picture at the working size."""
        x = padded(torch.cat([photo, focus], 1), self.runner.multiple)
        if self.stage.shares is not None:
            result = self.runner.run_blend(x, self.stage.shares)
        elif strengths is None:
            result = self.runner.run(x, self.stage.strength)
        else:
            whole = padded(strengths[None, None], self.runner.multiple)[0, 0]
            result = self.runner.run_spatial(x, whole, (self.stage.outside, self.stage.strength))
        return result[..., : photo.shape[-2], : photo.shape[-1]]

    def _focus(self, strengths: Tensor) -> Tensor:
        """1 where the strength is 0 or as good as; 0 from about 1/STEEP of the largest on."""
        strongest = max(self.stage.strength, self.stage.outside)
        return (1 - STEEP * (strengths / strongest - NEARLY_BLACK)).clamp_(0, 1)

    def _strengths(self, box: Box) -> Tensor:
        assert self.mask is not None
        return strength_tile(self.mask, box, self.stage.strength, self.stage.outside)


class _Strengths:
    """The strengths as one plane, to be reduced like the picture."""

    def __init__(self, mask: Image, stage: Stage) -> None:
        self.image, self.stage = mask, stage

    def read(self, box: Box) -> Tensor:
        inside, outside = self.stage.strength, self.stage.outside
        return strength_tile(self.image, box, inside, outside)[None, None]


def check_part(part: Part, image: Image, mask: Image | None) -> None:
    """Raises BadImage or BadMask unless `image` and `mask` may be such a part."""
    check_image(part.image, 1)
    fits_down = 0 <= part.top <= part.height - image.shape[0]
    if not (fits_down and 0 <= part.left <= part.width - image.shape[1]):
        raise BadImage("The part does not lie inside the whole picture.")
    if (mask is None) != (part.mask is None):
        raise BadMask("A part has a mask when the whole picture has one, and only then.")
    if part.mask is not None:
        check_mask(part.mask, part.image)


def find_subject(finder: SubjectFinder | None, photo: Tensor) -> Tensor:
    """1×1×h×w in 0..1 for 1×3×h×w at the working size. Raises NoSubject where nothing stands
    out, and for a pack without a finder."""
    if finder is None:
        raise NoSubject("This pack finds no subject by itself; paint a mask.")
    with torch.inference_mode():
        surely: Tensor = finder(padded(photo, finder.multiple))[
            ..., : photo.shape[-2], : photo.shape[-1]
        ]
    inside = surely > 0.5
    area = float(inside.float().mean())
    confidence = float(surely[inside].mean()) if area else 0.0
    if confidence < MIN_CONFIDENCE or not MIN_AREA <= area <= MAX_AREA:
        raise NoSubject(
            "No clear subject was found in the picture; paint a mask, white where it is to"
            " become soft."
        )
    return surely


def subject_map(finder: SubjectFinder | None, image: Image, side: int) -> Image:
    """H×W uint8: 255 where the subject is, its edges those of the picture.

    Raises NoSubject, and BadImage for a picture that is not finite.
    """
    reader = TileReader(image)
    photo = reduce_picture(reader, side)
    focus = find_subject(finder, photo)
    height, width = image.shape[:2]
    lift = Lift(photo, photo, focus, Place(height, width), width, guide(photo, focus))
    out = torch.empty(image.shape[:2], dtype=torch.uint8)
    for core in strips(height, width):
        out[core.slices] = lift.focus(reader.read(core), core)[0, 0].mul(255).round_().byte()
    return out.numpy()


def with_context(image: Image, core: Box) -> Box:
    """Colour under transparent pixels comes from what is visible around them."""
    halo = FILL_RADIUS if has_alpha(image) else 0
    return Box(max(0, core.top - halo), 0, min(image.shape[0], core.bottom + halo), core.right)


def padded(x: Tensor, multiple: int) -> Tensor:
    """The last row and column repeated up to multiples."""
    missing = [-length % multiple for length in x.shape[-2:]]
    x = F.pad(x, (0, missing[1], 0, missing[0]), mode="replicate") if any(missing) else x
    return x.contiguous(memory_format=torch.channels_last)
