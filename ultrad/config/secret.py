"""Secrets: where they are read from, and a type that does not show them."""

import hashlib
import hmac
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ultrad.errors import Permanent
from ultrad.i18n import Message, msg

MAX_SECRET_BYTES = 8_192
"""A URL or a token has some hundred; a longer file is the wrong one."""
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
"""Where systemd puts credentials (systemd.exec(5), LoadCredential=)."""
CREDENTIALS_PREFIXES = ("encrypted_", "plain_")
"""What systemd puts before the file names of a directory that is loaded whole: the ID that the unit gives it."""
_FOREIGN_ACCESS = 0o077
_FOREIGN_ACCESS_CREDENTIAL = 0o037
"""systemd gives credentials mode 0400, or 0440 where the unit's user is let in by an ACL, shown as the group."""


PASSPHRASE = "signer.passphrase"  # noqa: S105 - a key's name
"""The one secret that a person thinks of: its key in the file."""


class Secret:
    """A secret value: `reveal()` gives it, nothing else does."""

    __slots__ = ("_value", "reference")

    def __init__(self, reference: str, value: str) -> None:
        """reference: the credential's name or the file it came from; that may be shown."""
        self.reference = reference
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def fingerprint(self) -> str:
        """SHA-256 of the value in hex: names the secret without giving it away."""
        return hashlib.sha256(self._value.encode()).hexdigest()

    def matches(self, offered: str) -> bool:
        """Compare in a time that tells nothing."""
        return hmac.compare_digest(self._value.encode(), offered.encode(errors="surrogateescape"))

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __eq__(self, other: object) -> bool:
        return self.matches(other._value) if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not copied to anywhere")


def read_secret(reference: str, environ: Mapping[str, str], *, phrase: bool = False) -> Secret:
    """Read a secret by its reference: an absolute path, or a credential's name.

    phrase: people thought of it: it may have spaces, and letters of any script.

    Raises Permanent, with what to do, for a file that is missing, readable by others, not ours, or no single line.
    """
    path, foreign_access = _place(reference, environ)
    content = _content(path, foreign_access, MAX_SECRET_BYTES)
    return Secret(reference, _phrase(content, path) if phrase else _line(content, path))


def read_secret_file(reference: str, environ: Mapping[str, str], most_bytes: int) -> tuple[Path, bytes]:
    """Where a secret lies that is more than one line (a keystore), and what is in it. Raises as `read_secret`."""
    path, foreign_access = _place(reference, environ)
    content = _content(path, foreign_access, most_bytes)
    if len(content) > most_bytes:
        raise Permanent(msg("is in {path}, which is longer than {limit} bytes", path=str(path), limit=most_bytes))
    return path, content


def place_of(reference: str, environ: Mapping[str, str]) -> Path:
    """The file that a reference names. Raises Permanent where there are no credentials."""
    return _place(reference, environ)[0]


def _place(reference: str, environ: Mapping[str, str]) -> tuple[Path, int]:
    """The file that a reference names, and the rights of others that it must not have."""
    if reference.startswith("/"):
        return Path(reference), _FOREIGN_ACCESS
    directory = environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        raise Permanent(
            msg(
                "names the systemd credential {name}, but there are none here. Start it as a service with"
                " LoadCredential={name}:FILE, or give the absolute path of a file",
                name=reference,
            )
        )
    named = Path(directory) / reference
    given = (named, *(named.with_name(prefix + reference) for prefix in CREDENTIALS_PREFIXES))
    path = next((one for one in given if one.exists()), named)
    return path, _FOREIGN_ACCESS_CREDENTIAL


def credential_name(given: str) -> str:
    """What the configuration calls a credential that systemd gave this name."""
    for prefix in CREDENTIALS_PREFIXES:
        if given.startswith(prefix):
            return given.removeprefix(prefix)
    return given


def _content(path: Path, foreign_access: int, most_bytes: int) -> bytes:
    """What is in a file that only we, or root, can have written and read. A link counts as its target."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor: the file that is looked at is the one read
            problem = _objection(os.fstat(descriptor), path, foreign_access)
            content = b"" if problem else file.read(most_bytes + 1)
    except OSError as error:
        raise Permanent(
            msg("cannot be read from {path}: {reason}", path=str(path), reason=error.strerror or "")
        ) from None
    if problem:
        raise Permanent(problem)
    return content


def _objection(status: os.stat_result, path: Path, foreign_access: int) -> Message | None:
    """Why this file must not hold a secret."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        return msg("must be in a regular file, and {path} is none", path=str(path))
    if status.st_uid not in (0, os.geteuid()):
        return msg(
            "is in {path}, which belongs to another user (uid {uid}): give it to root or to uid {own}",
            path=str(path),
            uid=status.st_uid,
            own=os.geteuid(),
        )
    if mode & foreign_access:
        return msg(
            "is in {path}, which others can reach (mode {mode}): chmod 600 it, and replace the secret if others"
            " may have read it",
            path=str(path),
            mode=f"{mode:04o}",
        )
    return None


def _line(content: bytes, path: Path) -> str:
    """The content as one line of printable ASCII."""
    text = content.decode("ascii", errors="replace").strip("\r\n\t ")
    if not text:
        raise Permanent(msg("is in {path}, which is empty: write the secret into it", path=str(path)))
    if len(content) > MAX_SECRET_BYTES or not text.isascii() or not text.isprintable() or " " in text:
        raise Permanent(
            msg(
                "is in {path}, which must hold one line of at most {limit} characters without spaces",
                path=str(path),
                limit=MAX_SECRET_BYTES,
            )
        )
    return text


def _phrase(content: bytes, path: Path) -> str:
    """The content as one line of printable text, less its end of line alone."""
    text = content.decode("utf-8", errors="replace").rstrip("\r\n")
    if not text:
        raise Permanent(msg("is in {path}, which is empty: write the secret into it", path=str(path)))
    if len(content) > MAX_SECRET_BYTES or not text.isprintable() or "\ufffd" in text:
        raise Permanent(
            msg(
                "is in {path}, which must hold one line of UTF-8 text of at most {limit} bytes",
                path=str(path),
                limit=MAX_SECRET_BYTES,
            )
        )
    return text
