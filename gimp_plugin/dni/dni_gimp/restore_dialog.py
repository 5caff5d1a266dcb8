"""The dialog of "Restore with DNI…": four effects over the studio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402

from .arguments import values_of  # noqa: E402
from .dialog import OpenLink, Studio  # noqa: E402
from .link import Message, error_of  # noqa: E402
from .parcel import Target  # noqa: E402
from .recipes import EFFECTS, Effect, Table, missing_effects, pack_for, recipe_of  # noqa: E402
from .rows import EffectRow  # noqa: E402
from .session import proposals_of  # noqa: E402
from .words import _  # noqa: E402


class RestoreDialog:
    """Asks for the strengths of the effects; the config holds the answers."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        target: Target,
        open_link: OpenLink,
    ) -> None:
        self._config = config
        self._missing: set[tuple[str, int]] = set()
        self.studio = Studio(procedure, config, target, open_link, _("Restore with DNI"))
        self._rows = {
            effect: EffectRow(config, effect, self.studio.grid, place * EffectRow.HEIGHT)
            for place, effect in enumerate(EFFECTS)
        }
        self.studio.recipe = self.recipe
        self.studio.arranged = self._arrange
        self.studio.packs_known = self._know_packs

    def recipe(self) -> Table:
        """Return what is set, of what can be done."""
        return recipe_of(values_of(self._config), self._missing)

    def _know_packs(self, packs: list[Mapping[str, Any]]) -> None:
        self._missing = missing_effects(packs)
        for effect, row in self._rows.items():
            row.missing = {scale for name, scale in self._missing if name == effect.name}

            pack = pack_for(packs, effect.name) or {}
            if pack.get("auto"):
                row.ask_for(self._ask_auto)
            if pack.get("subject") and self.studio.map:
                self.studio.map.offer(self.studio.find_subject)

    def _ask_auto(self, effect: Effect) -> None:
        row = self._rows[effect]

        def answered(message: Message) -> None:
            if message.kind == "auto":
                row.propose(proposals_of(message).get(effect.name, 0.0))
            elif message.kind == "error":
                self.studio.fail(error_of(message))

        self.studio.ask_auto({"stages": [{"effect": effect.name, "strength": 0.0}]}, answered)

    def _arrange(self) -> None:
        settings = values_of(self._config)
        for row in self._rows.values():
            row.update(settings)
