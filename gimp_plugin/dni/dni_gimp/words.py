"""The plug-in's words in the user's language, by gettext; GIMP tells the language by LANGUAGE."""

from __future__ import annotations

import gettext
from pathlib import Path

_PLACE = Path(__file__).resolve().parent
HELP = _PLACE / "help" / "en.html"

_words = gettext.translation("dni", _PLACE / "locale", fallback=True)
_ = _words.gettext
ngettext = _words.ngettext
