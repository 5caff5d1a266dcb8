"""The layer itself, as the screen shows it: what a preview begins with."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402

from .preview import View  # noqa: E402
from .results import shown  # noqa: E402
from .view import Shot  # noqa: E402


class Original:
    """Reads of a layer what a view shows.

    It keeps GIMP's buffer open, and with it all pixels that have come from GIMP and the smaller
    copies that were made of them: a picture that is moved costs no more than what comes to be seen.
    """

    def __init__(self, layer: Gimp.Layer) -> None:
        self._layer = layer
        self._buffer = layer.get_buffer()
        self._last: Shot | None = None

    def shot(self, view: View) -> Shot:
        """Return what this view shows of the layer."""
        box, density = view.box(), min(1.0, view.density)
        if self._last is None or (self._last.box, self._last.density) != (box, density):
            pixbuf = shown(self._buffer, box, density, has_alpha=self._layer.has_alpha())
            self._last = Shot(box, density, pixbuf)
        return self._last

    def renew(self) -> None:
        """Read from now on what the layer has become."""
        self._buffer, self._last = self._layer.get_buffer(), None
