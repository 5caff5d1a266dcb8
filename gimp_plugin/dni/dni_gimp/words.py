"""The plug-in's words in the user's language, by gettext; GIMP tells the language by LANGUAGE."""

from __future__ import annotations

import gettext
from pathlib import Path

_PLACE = Path(__file__).resolve().parent
HELP = _PLACE / "help" / "en.html"

_words = gettext.translation("dni", _PLACE / "locale", fallback=True)
_ = _words.gettext
ngettext = _words.ngettext

DAEMON = (
    _("No clear subject was found in the picture; paint a mask, white where it is to become soft."),
    _("This pack finds no subject by itself; paint a mask."),
    _("Not enough memory even for the smallest tile; close something."),
    _("The picture holds NaN or infinity; repair those pixels first."),
    _("The pack's proposal is not finite; choose a strength yourself."),
    _("Too many pictures wait already; try again when some are done."),
    _("Something went wrong inside dnid; the log has the details."),
)
"""The daemon speaks English: its sentences that are always the same, for the catalogs."""

told = _words.gettext
"""What the daemon says, translated where it is one of these."""
