"""What adapters share that read answers of outside services: their words without our secrets, their pauses."""

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

MAX_TEXT = 160
"""Characters of a service's own words that are passed on."""
_SECRET_PART_LENGTH = 8
"""Path segments and query values from this length on may be keys."""


class Scrubber:
    """Takes secrets out of a service's own words."""

    def __init__(self, *secrets: str | None) -> None:
        """Learn each secret: URLs with each part of them that may be one, and plain tokens."""
        parts = {part for secret in secrets if secret for part in _secret_parts(secret)}
        longest_first = sorted(parts, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: object) -> str:
        """The text on one line, cut, without secrets."""
        clean = self._secrets.sub("…", text if isinstance(text, str) else "")
        return "".join(c if c.isprintable() else " " for c in clean)[:MAX_TEXT]


def _secret_parts(secret: str) -> Iterable[str]:
    yield secret
    try:
        split = urlsplit(secret)
    except ValueError:
        return
    if split.netloc:
        yield split.netloc
    for known in (split.hostname, split.username, split.password):
        if known:
            yield known
    for part in (*split.path.split("/"), *re.split("[&=]", split.query), split.path, split.query):
        if len(part) >= _SECRET_PART_LENGTH:
            yield part
            yield unquote(part)


def retry_after_s(retry_after: str | None, date: str | None, default_s: float) -> float:
    """Seconds that a `Retry-After` asks for (RFC 9110 § 10.2.3): a number, or a date against the answer's own."""
    if retry_after is None:
        return default_s
    if re.fullmatch(r"\d{1,9}", retry_after.strip()):
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after) - parsedate_to_datetime(date or "")).total_seconds()
    except (ValueError, TypeError):
        return default_s
