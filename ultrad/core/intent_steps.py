"""The steps of an intent: each has one nonce, and versions of the transaction that is to consume it."""

from dataclasses import dataclass
from enum import StrEnum

from ultrad.core.position import Block
from ultrad.units import Now

APPROVE = "approve"
"""What a step is about that moves nothing: it only allows the pool to take the asset."""


class Purpose(StrEnum):
    """What a version of a transaction is for."""

    OWN = "own"
    CANCELLATION = "cancellation"
    RESCUE = "rescue"


@dataclass(frozen=True, slots=True)
class Version:
    """One signed transaction. raw: its bytes in hex. Fees in wei a gas."""

    hash: str
    raw: str
    purpose: Purpose
    max_fee_wei: int
    tip_wei: int
    signed: Now


@dataclass(frozen=True, slots=True)
class Mined:
    """Where a version was mined, and whether it succeeded."""

    hash: str
    block: Block
    ok: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One nonce. about: "approve", "supply", "withdraw". mined: as last seen; confirmed: beyond any reorg."""

    about: str
    nonce: int
    versions: tuple[Version, ...]
    mined: Mined | None = None
    confirmed: bool = False

    @property
    def newest(self) -> Version:
        """The version that was signed last."""
        return self.versions[-1]

    @property
    def has_traded(self) -> bool:
        """Whether it moved the asset: mined, with success, and neither an approval nor a cancellation."""
        if self.mined is None or not self.mined.ok or self.about == APPROVE:
            return False
        version = self.version(self.mined.hash)
        return version is not None and version.purpose is not Purpose.CANCELLATION

    def version(self, tx_hash: str) -> Version | None:
        """The version of that hash."""
        return next((one for one in self.versions if one.hash == tx_hash), None)
