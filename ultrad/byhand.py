"""What people do by hand with the account's key, as they announced it: no sign that somebody else has it.

The account's watch keeps the announcements; the trader asks before it calls a nonce stolen.
"""

from collections.abc import Callable

from ultrad.core.account_book import AccountBook
from ultrad.units import Now


class ByHand:
    """Of one account."""

    def __init__(self) -> None:
        """Nobody has announced anything, as long as nobody keeps a book."""
        self._book: Callable[[], AccountBook] = AccountBook

    def told_by(self, book: Callable[[], AccountBook]) -> None:
        """The book as it is now."""
        self._book = book

    def is_expected(self, now: Now) -> bool:
        """Whether somebody may be about to act."""
        return bool(self._book().standing(now))

    def used(self, nonce: int) -> bool:
        """Whether an announced act has consumed it."""
        return nonce in self._book().by_hand
