"""The window that both procedures show: the preview at the left, the controls at the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk  # noqa: E402

from .canvas import read, sample_box  # noqa: E402
from .line import Answered, Line  # noqa: E402
from .link import NO_SUBJECT, Link, LinkError, Message, error_of  # noqa: E402
from .live import LivePreview  # noqa: E402
from .looks import align, dialog_size  # noqa: E402
from .map_chooser import MapChooser  # noqa: E402
from .notices import LogWindow, open_help  # noqa: E402
from .parcel import Target  # noqa: E402
from .recipes import Refused, Table  # noqa: E402
from .rows import choice_combo, labelled  # noqa: E402
from .session import Source, describe, packs_of  # noqa: E402
from .subject import put_mask, take_away  # noqa: E402
from .words import _  # noqa: E402

SPACE = 12  # pixels

OpenLink = Callable[[Callable[[], None]], Link]


class Studio:
    """Preview, map, result and notices; who uses it puts the strengths into `grid`.

    `recipe` returns what is to be shown, `arranged` is called after each change of an argument.
    """

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        target: Target,
        open_link: OpenLink,
        title: str,
    ) -> None:
        GimpUi.init("dni")
        self.config, self.target = config, target
        self.recipe: Callable[[], Table] = lambda: {"stages": []}
        self.arranged: Callable[[], None] = lambda: None
        self.updates = False
        """Whether the result takes the place of an earlier one, so that there is no choice."""
        self.packs_known: Callable[[list[Mapping[str, Any]]], None] = lambda _: None
        self.line = Line(open_link, self._wake, self._heard)
        self.preview = LivePreview(target, self.line, self._tell, self.fail)
        self.preview.worked = lambda: self._bar.hide()
        self.preview.left_out = self._advise
        self.dialog = GimpUi.ProcedureDialog.new(procedure, config, title)
        self.dialog.set_ok_label(_("Rest_ore"))
        self.dialog.set_default_size(*dialog_size())
        self.dialog.connect("key-press-event", self._on_key, True)
        self.dialog.connect("key-release-event", self._on_key, False)
        self.dialog.connect("focus-out-event", lambda *_: self.preview.look_away())
        self.dialog.connect("focus-in-event", lambda *_: self._look_again())
        self.grid = Gtk.Grid(column_spacing=8, row_spacing=6)
        self.names = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        has_map = any(spec.name == "mask" for spec in config.list_properties())
        self.map = MapChooser(config, target.image, target.layer) if has_map else None
        self._log: Path | None = None
        self._shown = True
        self._made: list[Gimp.Drawable] = []  # by Find subject, in this dialog
        self._status = Gtk.Label(xalign=0, ellipsize=3)
        self._build()

    def run(self) -> bool:
        """Show the dialog and return whether the user chose to restore."""
        align(self.names, self.grid)
        self.config.connect("notify", lambda *_: self._changed())
        self._ask_packs()
        self.dialog.show_all()
        self._changed()
        try:
            restoring = bool(self.dialog.run())
        finally:
            self.preview.stop()
            self._shown = False
            self.dialog.destroy()
        if not restoring:  # then the picture is to be as it was
            take_away(self.target.image, self.target.layer, self._made)
        return restoring

    def _build(self) -> None:
        controls = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
        controls.pack_start(self.grid, False, False, 0)
        controls.pack_start(Gtk.Separator(), False, False, 0)
        controls.pack_start(self._map_and_result(), False, False, 0)
        controls.set_hexpand(False)  # all the room that there is belongs to the picture
        # Edges lie where GIMP's own buttons below have theirs.
        body = Gtk.Box(spacing=SPACE, margin_end=SPACE, margin_bottom=SPACE)
        body.pack_start(self._viewer(), True, True, 0)
        body.pack_start(controls, False, False, 0)
        content = self.dialog.get_content_area()
        self._bar = self._make_bar()
        self._advice = _make_advice()
        content.pack_start(self._bar, False, False, 0)
        content.pack_start(self._advice, False, False, 0)
        content.pack_start(body, True, True, 0)

    def _viewer(self) -> Gtk.Widget:
        viewer = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        frame = Gtk.Frame()
        frame.add(self.preview.view.widget)
        viewer.pack_start(frame, True, True, 0)
        viewer.pack_start(self._tools(), False, False, 0)
        viewer.pack_start(self._status, False, False, 0)
        return viewer

    def _tools(self) -> Gtk.Widget:
        view = self.preview.view
        tools = Gtk.Box(spacing=6)
        self._zoom = Gtk.Button(label="100 %")
        self._zoom.set_size_request(72, -1)
        zooms = Gtk.Box()
        zooms.get_style_context().add_class("linked")
        for button, hint, act in (
            (Gtk.Button(label="−"), _("Zoom out (−)"), lambda: view.view.step(-1)),
            (self._zoom, _("One pixel of the result is one of the screen"),
             lambda: view.view.zoomed(1.0)),
            (Gtk.Button(label="+"), _("Zoom in (+)"), lambda: view.view.step(1)),
            (Gtk.Button.new_with_mnemonic(_("_Fit")),
             _("Show the whole picture; a double click does so too"),
             lambda: view.view.fitting()),
        ):  # fmt: skip
            button.set_tooltip_text(hint)
            button.connect("clicked", lambda _button, act=act: view.look(act()))
            zooms.pack_start(button, False, False, 0)
        split = Gtk.ToggleButton.new_with_mnemonic(_("Split vie_w"))
        split.set_tooltip_text(_("Before at the left of a line, after at its right: drag the line"))
        split.set_active(True)
        split.connect("toggled", self._on_split)
        before = Gtk.Button.new_with_mnemonic(_("_Before"))
        before.set_tooltip_text(_("Shows the picture as it was, for as long as it is held (key B)"))
        before.connect("pressed", lambda _: self._hold_before(True))
        before.connect("released", lambda _: self._hold_before(False))
        help_button = Gtk.Button.new_with_label(_("Help"))
        help_button.set_tooltip_text(_("Explains this window (key F1)"))
        help_button.connect("clicked", lambda _: self._help())
        for widget in (zooms, split, before):
            tools.pack_start(widget, False, False, 0)
        tools.pack_end(help_button, False, False, 0)
        return tools

    def _map_and_result(self) -> Gtk.Widget:
        grid = Gtk.Grid(column_spacing=8, row_spacing=6)
        if self.map:
            self.map.attach(grid)
        options = ("new-layer", _("New layer above")), ("replace", _("Replace the pixels"))
        self._output = choice_combo(self.config, "output", options)
        self._output.set_hexpand(True)
        self._output_label = labelled(grid, 2, _("Resul_t"), self._output)
        options = ("new-image", _("New picture")), ("this-image", _("Scale this picture"))
        self._enlarge = choice_combo(self.config, "enlarge", options)
        self._enlarge.set_hexpand(True)
        self._enlarge_label = labelled(grid, 3, _("Resul_t"), self._enlarge)
        align(self.names, grid)
        return grid

    def _make_bar(self) -> Gtk.InfoBar:
        bar = Gtk.InfoBar(message_type=Gtk.MessageType.WARNING, no_show_all=True)
        bar.set_margin_end(SPACE)
        self._trouble = Gtk.Label(wrap=True, xalign=0, max_width_chars=90, visible=True)
        bar.get_content_area().add(self._trouble)
        bar.add_button(_("Try _again"), Gtk.ResponseType.ACCEPT)
        bar.add_button(_("Show the lo_g"), Gtk.ResponseType.APPLY)
        bar.connect("response", self._on_bar)
        return bar

    def _changed(self) -> None:
        """An argument has changed, by hand, by Reset or by a preset."""
        if self.map:
            self.map.update()
        self.arranged()
        recipe = self.recipe()
        enlarges = any(stage.get("scale", 1) > 1 for stage in recipe["stages"])
        for widget in (self._output, self._output_label):
            widget.set_visible(not enlarges and not self.updates)
        for widget in (self._enlarge, self._enlarge_label):
            widget.set_visible(enlarges)
        try:
            self.preview.show(recipe, self.map.found() if self.map else None)
        except Refused as refusal:
            self._tell(str(refusal))
        self._advice.set_visible(self.preview.leaves_out)
        can = bool(recipe["stages"]) and not self.preview.leaves_out
        self.dialog.set_response_sensitive(Gtk.ResponseType.OK, can)

    def _advise(self) -> None:
        """Say how to go on where nothing stands out; the daemon's log would not help."""
        self._bar.hide()
        self._advice.show()
        if self.preview.leaves_out:  # restoring would end with the same sentence
            self.dialog.set_response_sensitive(Gtk.ResponseType.OK, False)

    def _look_again(self) -> None:
        if self.preview.look_again():
            self._changed()

    def _tell(self, text: str) -> None:
        self._status.set_text(text)
        self._status.set_tooltip_text(text)
        self._zoom.set_label(f"{round(100 * self.preview.view.view.zoom)} %")

    def fail(self, error: LinkError) -> None:
        """Say what went wrong, and offer the remedies."""
        self.preview.failed()
        self._trouble.set_text(str(error))
        self._tell(_("No preview"))
        self._bar.show()

    def _on_bar(self, bar: Gtk.InfoBar, response: int) -> None:
        if response == Gtk.ResponseType.ACCEPT:
            bar.hide()
            self._ask_packs()
            self.preview.retry()
        else:
            LogWindow(self.dialog, self.log()).show()

    def log(self) -> Path | None:
        """Return where the daemon's log is, if it has been told."""
        return self._log

    def _ask_packs(self) -> None:
        try:
            self.line.post("packs", {}, (), self._packs_answered)
        except LinkError as error:
            self.fail(error)

    def _packs_answered(self, message: Message) -> None:
        if message.kind == "error":
            self.fail(error_of(message))
            return
        packs = packs_of(message)
        self.preview.packs = packs
        self.packs_known(packs)
        self._changed()

    def ask_auto(self, recipe: Table, answered: Answered) -> None:
        """Let the daemon look at the middle of the layer and propose strengths."""
        encoding = self.target.encoding
        source = read(self.target.layer, encoding, sample_box(encoding))
        self._ask("auto", {"recipe": recipe}, source, answered)

    def find_subject(self) -> None:
        """Let the daemon find the subject, and make a strength map of it."""
        self._tell(_("Looking for the subject…"))
        source = read(self.target.layer, self.target.encoding)
        self._ask("subject", {"pack": None}, source, self._found)

    def _found(self, message: Message) -> None:
        if message.kind == "error" and error_of(message).code == NO_SUBJECT:
            self.preview.lack_subject()
        elif message.kind == "error":
            self.fail(error_of(message))
        elif message.kind == "subject" and self.map:
            try:
                made = put_mask(self.target.image, self.target.layer, message)
            except LinkError as error:
                self.fail(error)
                return
            self._made.append(made)
            self.map.choose(made)

    def _ask(self, kind: str, body: Table, source: Source, answered: Answered) -> None:
        frames = [b"".join(source.strips)]
        try:
            self.line.post(kind, {**body, "image": source.layout.header()}, frames, answered)
        except LinkError as error:
            self.fail(error)

    def _wake(self) -> None:
        GLib.idle_add(self._pump)

    def _pump(self) -> bool:
        if self._shown:  # else what arrives is of the work after the dialog
            self.line.pump()
        return False

    def _heard(self, news: Message | LinkError) -> None:
        """The bridge speaks for itself, or has ended."""
        if isinstance(news, LinkError):
            self.fail(news)
            return
        if log := news.body.get("log"):
            self._log = Path(str(log))
        if news.kind == "error":
            self.fail(error_of(news))
        elif (told := describe(news.body)) is not None:
            self._tell(told[0])

    def _on_split(self, button: Gtk.ToggleButton) -> None:
        self.preview.view.split = 0.5 if button.get_active() else None
        self.preview.view.redraw()

    def _hold_before(self, hold: bool) -> None:
        if self.preview.view.holding_before != hold:
            self.preview.view.holding_before = hold
            self.preview.view.redraw()

    def _on_key(self, _dialog: Gtk.Widget, event: Gdk.EventKey, pressed: bool) -> bool:
        name = Gdk.keyval_name(event.keyval)
        if name in ("b", "B") and not event.state & Gdk.ModifierType.MOD1_MASK:
            self._hold_before(pressed)
            return True
        if name == "F1" and pressed:
            self._help()
            return True
        return False

    def _help(self) -> None:
        open_help(self.dialog)


def _make_advice() -> Gtk.InfoBar:
    advice = Gtk.InfoBar(message_type=Gtk.MessageType.INFO, no_show_all=True)
    advice.set_margin_end(SPACE)
    text = _(
        "No clear subject was found in this picture: please choose a strength map, or paint a "
        "layer mask that is white where the background is to become soft, or switch the blur off."
    )
    label = Gtk.Label(label=text, wrap=True, xalign=0, max_width_chars=90, visible=True)
    advice.get_content_area().add(label)
    return advice
