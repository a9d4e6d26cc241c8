"""The figures that the rules compare with, in exact units; the defaults are those the rules were written for."""

from dataclasses import dataclass

from ultrad.units import WAD, Bps, Wad

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
COVER_AGE_MS = 60_000
"""How old a cause must be before removing the flag covers it: whoever removes it must have had time to see it."""

_HF_1_8 = Wad(18 * WAD // 10)
_HF_1_6 = Wad(16 * WAD // 10)
_HF_1_1 = Wad(11 * WAD // 10)
_HF_0_05 = Wad(5 * WAD // 100)
_TENTH = Bps(1_000)
_FIFTH = Bps(2_000)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a position, its prices and its chain are held against.

    warn_hf, trip_hf: a health factor at or under these warns, or trips. hard_floor_hf: under it no override holds.
    resume_hf: only above it may the stop be lifted. hard_floor_hf < trip_hf < warn_hf, trip_hf < resume_hf.
    max_value_change_bps: a net value that moved by more than this within value_window_ms trips.
    oracle_max_age_s: how old a price may be; oracle_max_age_by_symbol names the reserves (spelt as on chain) with
    another limit. oracle_max_jump_bps: how far a price may be from the one before.
    sequencer_grace_s: how long a sequencer must have been up again.
    allow_empty: the names of the positions that may hold neither collateral nor debt.
    """

    warn_hf: Wad = _HF_1_8
    trip_hf: Wad = _HF_1_6
    hard_floor_hf: Wad = _HF_1_1
    resume_hf: Wad = _HF_1_8
    max_value_change_bps: Bps = _FIFTH
    value_window_ms: int = 24 * HOUR_MS
    oracle_max_age_s: int = 3_600
    oracle_max_age_by_symbol: tuple[tuple[str, int], ...] = ()
    oracle_max_jump_bps: Bps = _TENTH
    sequencer_grace_s: int = 3_600
    allow_empty: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EstopRules:
    """How a stop is confirmed, overridden and lifted.

    override_ms: how long removing the flag holds off the causes it covered. override_step: a covered health factor
    that fell by this much more trips again. cover_age_ms: younger causes are not covered.
    hard_floor_hf: as in Limits.
    lapses: whether an override ends in a stop again unless a resume completes within its time (production).
    crosscheck_wait_s: how long other endpoints have to confirm a bad reading. unresolved_s: how long two endpoints
    may contradict each other, with the gate shut, before that trips. resume_id_ms: how long a resume waits for its
    second person. look_back_ms: how far back a resume asks for a clean record. closer_watch_ms: how long the watch
    is closer after a resume.
    """

    override_ms: int = 30 * MINUTE_MS
    override_step: Wad = _HF_0_05
    cover_age_ms: int = COVER_AGE_MS
    hard_floor_hf: Wad = _HF_1_1
    lapses: bool = False
    crosscheck_wait_s: int = 2
    unresolved_s: int = 30
    resume_id_ms: int = 15 * MINUTE_MS
    look_back_ms: int = HOUR_MS
    closer_watch_ms: int = 30 * MINUTE_MS
