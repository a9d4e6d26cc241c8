"""Keeps the message catalogues in step with the code: `python -m tests.catalogue check|update`.

check fails where a sentence in the code has no translation, a translation has no sentence, or the figures in the
two differ.
"""

import re
import sys
from io import BytesIO
from itertools import takewhile
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ultrad"
LANGUAGES = ("ja",)
_FIGURE = re.compile(r"{(\w+)[^}]*}")


def _path(language: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "ultrad.po"


def _in_code() -> dict[str, list[str]]:
    """Every sentence that the code can say, with the files that say it."""
    found: dict[str, list[str]] = {}
    for file, _, text, _, _ in extract_from_dir(PACKAGE, [("**.py", "python")], keywords={"msg": None}):
        if isinstance(text, str) and text:
            found.setdefault(text, []).append(file)
    return found


def _catalogue(language: str) -> Catalog:
    path = _path(language)
    if not path.exists():
        return Catalog(locale=language, project="ultrad")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def faults(language: str) -> list[str]:
    """What keeps the catalogue of one language from being whole."""
    code, known = _in_code(), _catalogue(language)
    told = {str(one.id): str(one.string) for one in known if one.id and not one.fuzzy}
    missing = [
        f"{language}: no translation ({', '.join(sorted(set(files)))}): {text!r}"
        for text, files in code.items()
        if not told.get(text)
    ]
    unused = [f"{language}: said nowhere: {text!r}" for text in told if text not in code]
    differing = [
        f"{language}: other figures than the English: {text!r}"
        for text, translated in told.items()
        if translated and set(_FIGURE.findall(text)) != set(_FIGURE.findall(translated))
    ]
    return missing + unused + differing


def _foreword(path: Path) -> bytes:
    """The comment at the head of a catalogue, with the glossary that translators keep to, byte by byte."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return b"".join(takewhile(lambda line: bytes(line).startswith(b"#"), file))


def update(language: str) -> None:
    """Add what is new (without translation) and drop what is gone; the foreword and the dates stay."""
    known = _catalogue(language)
    told = {str(one.id): one.string for one in known if one.id}
    fresh = Catalog(
        locale=language,
        project="ultrad",
        charset="utf-8",
        fuzzy=False,
        last_translator="ultrad",
        creation_date=known.creation_date,
        revision_date=known.revision_date,
    )
    for text, files in sorted(_in_code().items()):
        fresh.add(text, told.get(text, ""), locations=[(file, None) for file in sorted(set(files))])  # type: ignore[misc]
    written = BytesIO()
    write_po(written, fresh, width=115, omit_header=False, sort_output=True)
    content = written.getvalue()
    path = _path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_foreword(path) + content[content.index(b'msgid ""') :])


def main() -> int:
    """`check` or `update`."""
    if sys.argv[1:] == ["update"]:
        for language in LANGUAGES:
            update(language)
        return 0
    found = [fault for language in LANGUAGES for fault in faults(language)]
    sys.stdout.writelines(f"{fault}\n" for fault in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
