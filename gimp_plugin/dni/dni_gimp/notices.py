"""What is read beside the dialog: an error, the daemon's log, the help page."""

from __future__ import annotations

from pathlib import Path

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from .words import HELP, _  # noqa: E402

TAIL = 64_000  # bytes of a log; what happened last is at its end


class LogWindow:
    """The end of the daemon's log."""

    def __init__(self, parent: Gtk.Window | None, log: Path | None) -> None:
        self._window = Gtk.Dialog(title=_("DNI log"), transient_for=parent)
        self._window.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self._window.set_default_size(760, 420)
        text = Gtk.TextView(editable=False, monospace=True, wrap_mode=Gtk.WrapMode.WORD_CHAR)
        text.get_buffer().set_text(read_tail(log))
        scrolled = Gtk.ScrolledWindow()
        scrolled.add(text)
        text.set_property("margin", 6)
        where = Gtk.Label(label=str(log or ""), selectable=True, xalign=0, margin=6, ellipsize=1)
        if log is not None:
            self._window.get_content_area().pack_start(where, False, False, 0)
        self._window.get_content_area().pack_start(scrolled, True, True, 0)
        end = text.get_buffer().create_mark(None, text.get_buffer().get_end_iter(), False)
        text.connect("map", lambda _: text.scroll_mark_onscreen(end))

    def show(self) -> None:
        """Show it, and go on when it is closed."""
        self._window.show_all()
        self._window.run()
        self._window.destroy()


def read_tail(log: Path | None) -> str:
    """Return the end of a log, or why it cannot be read."""
    if log is None:
        return str(_("The daemon has not told where its log is: “dnid status” shows it."))
    try:
        return log.read_bytes()[-TAIL:].decode(errors="replace")
    except OSError as error:
        text = _("{log} cannot be read: {because}.")
        return str(text.format(log=log, because=error.strerror))


def tell_error(text: str, log: Path | None) -> None:
    """Show an error after the dialog, with a button for the log."""
    window = Gtk.MessageDialog(message_type=Gtk.MessageType.ERROR, text=text, title="DNI")
    window.add_button(_("Show the lo_g"), Gtk.ResponseType.APPLY)
    window.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
    window.set_default_response(Gtk.ResponseType.CLOSE)
    while window.run() == Gtk.ResponseType.APPLY:
        LogWindow(window, log).show()
    window.destroy()


def open_help(parent: Gtk.Window) -> None:
    """Open the help page in the user's browser, or say where it is."""
    try:
        Gtk.show_uri_on_window(parent, HELP.as_uri(), Gtk.get_current_event_time())
    except GLib.Error:
        text = _("No browser could be started. The help page is here:\n{path}")
        window = Gtk.MessageDialog(
            transient_for=parent, text=text.format(path=HELP), buttons=Gtk.ButtonsType.CLOSE
        )
        window.run()
        window.destroy()
