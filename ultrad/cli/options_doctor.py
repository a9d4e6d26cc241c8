"""The options of `ultrad doctor`."""

import argparse

from ultrad.i18n import Catalogue, msg


def add(doctor: argparse.ArgumentParser, text: Catalogue) -> None:
    """To the command's parser. The exit codes are `ultrad.core.sights.EXIT_CODES`."""
    doctor.add_argument("--json", action="store_true", help=text(msg("for programs: one JSON object")))
    doctor.epilog = text(msg("Exit code, by the worst line: 0 fine, 1 warning, 4 alert, 5 critical or worse."))
