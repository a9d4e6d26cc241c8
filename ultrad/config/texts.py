"""The kinds of text in the configuration: each with its check and with what is allowed, in words."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from ultrad.addresses import ZERO, checksum, is_address
from ultrad.config.mistakes import may_be_secret
from ultrad.core import schedule
from ultrad.errors import Permanent
from ultrad.i18n import Message, msg
from ultrad.units import Address

PROBLEM = "ultrad_problem"
"""The type of a validation error that carries its own message, as `ctx["problem"]`."""
MAX_PATH_CHARACTERS = 80
"""A socket's path must fit in 108 bytes (unix(7), sun_path), its name included."""
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,31}")
_SYMBOL = re.compile(r"[!-~]{1,32}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a key accepts, in words."""

    message: Message


@dataclass(frozen=True, slots=True)
class Hidden:
    """Marks a key whose value is never shown, right or wrong."""


def refuse(problem: Message) -> NoReturn:
    """Fail a validation with a message of our own."""
    raise PydanticCustomError(PROBLEM, "refused", {"problem": problem})


_NOT_ALLOWED = msg("is not allowed")


def matching(pattern: re.Pattern[str]) -> Callable[[str], str]:
    """A check that takes what matches as a whole."""

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            refuse(_NOT_ALLOWED)
        return text

    return check


def _address(text: str) -> Address:
    if not is_address(text):
        refuse(msg("is no address"))
    right = checksum(text)
    if text == ZERO:
        refuse(msg("is the zero address, which nobody owns: put the real one"))
    if text == right:
        return right
    if text[2:] in (text[2:].lower(), text[2:].upper()):
        refuse(
            msg("lacks its checksum (EIP-55): compare each digit with its source, then write {right}", right=right)
        )
    refuse(msg("fails its checksum (EIP-55), so at least one digit is wrong: copy it again from its source"))


def _path(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or str(path) != text or ".." in path.parts or not text.isprintable():
        refuse(_NOT_ALLOWED)
    if len(text.encode()) > MAX_PATH_CHARACTERS or text == "/":
        refuse(_NOT_ALLOWED)
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # unknown; not a relative path; a directory of zones
        refuse(msg("is no time zone that this machine knows"))
    return text


def _cron(text: str) -> str:
    try:
        schedule.parse(text, "UTC")
    except Permanent as error:
        if may_be_secret(text):  # the reason repeats it
            refuse(msg("is no schedule"))
        refuse(msg("is no schedule ({reason})", reason=error.message))
    return text


def _ip(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        refuse(_NOT_ALLOWED)
    return text


def _secret_ref(text: str) -> str:
    if "://" in text:
        refuse(
            msg(
                "holds a URL in plain text. Put the URL alone into a file with mode 0600 or into a systemd"
                " credential, and name that here; the URL counts as known to others now, so replace its key"
            )
        )
    if text.startswith("/"):
        path = PurePosixPath(text)
        if str(path) == text and ".." not in path.parts and text.isprintable() and len(text) <= 4095:  # noqa: PLR2004 - PATH_MAX
            return text
    elif _CREDENTIAL.fullmatch(text):
        if may_be_secret(text):
            refuse(msg("looks like the secret itself: put it into a file, and replace it as others may know it"))
        return text
    refuse(msg("names no secret"))


Slug = Annotated[
    str,
    AfterValidator(matching(_SLUG)),
    Allowed(msg("1 to 32 lower-case letters, digits and hyphens, with no hyphen at either end")),
]
UserName = Annotated[
    str,
    AfterValidator(matching(_USER)),
    Allowed(msg("a user's name on this machine, 1 to 32 letters, digits and . _ - @")),
]
Symbol = Annotated[
    str, AfterValidator(matching(_SYMBOL)), Allowed(msg("a reserve's symbol as on chain, 1 to 32 characters"))
]
Fingerprint = Annotated[
    str, AfterValidator(matching(_FINGERPRINT)), Allowed(msg("64 lower-case hex digits (a SHA-256)")), Hidden()
]
AddressText = Annotated[
    Address, AfterValidator(_address), Allowed(msg("an address, 0x and 40 hex digits in checksum case (EIP-55)"))
]
AbsolutePath = Annotated[
    str,
    AfterValidator(_path),
    Allowed(msg("an absolute path of at most 80 bytes, without . or .. or a slash at the end")),
]
TimezoneName = Annotated[
    str, AfterValidator(_timezone), Allowed(msg('a name of the time zone database, such as "Asia/Tokyo" or "UTC"'))
]
Cron = Annotated[
    str,
    AfterValidator(_cron),
    Allowed(msg('five cron fields (minute, hour, day, month, weekday), such as "30 0 * * *"')),
]
IpAddress = Annotated[str, AfterValidator(_ip), Allowed(msg('an IP address, such as "127.0.0.1"'))]
SecretRef = Annotated[
    str,
    AfterValidator(_secret_ref),
    Allowed(msg("the name of a systemd credential, or the absolute path of a file with mode 0600")),
    Hidden(),
]
