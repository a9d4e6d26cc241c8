"""Tries backups and restores them: what the worker and the commands call. As ultrad.backups, it knows adapters."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ultrad.adapters.backup import archive, journal
from ultrad.adapters.backup.scratch import room, scratch
from ultrad.adapters.backup.store import Store
from ultrad.backups import JOURNAL, Tell, store_of
from ultrad.config import Vaults
from ultrad.config.backup import TargetConfig
from ultrad.core.backup_runs import Drilled, DrillRun, Restored
from ultrad.core.backups import Backup, Manifest, Spoilt, is_encrypted, newest_good
from ultrad.errors import Permanent, Transient, UltradError
from ultrad.i18n import msg
from ultrad.paths import Paths

# ---------------------------------------------------------------- trying them


def drill(vaults: Vaults, tell: Tell, target: str = "", name: str = "") -> DrillRun:
    """Fetch each target's newest good backup, or the one that is named, and restore it into a scratch place."""
    chosen = _chosen(vaults, target)
    with scratch(Paths.of(vaults.settings).scratch, 0) as work:
        drilled = []
        for number, one in enumerate(chosen):
            place = work / str(number)
            place.mkdir()
            drilled.append(_drill(vaults, store_of(one), place, name, tell))
    return DrillRun(bool(vaults.targets), tuple(drilled))


def _drill(vaults: Vaults, store: Store, work: Path, name: str, tell: Tell) -> Drilled:
    begun_s = time.monotonic()
    found = ""
    try:
        backup = _find(store, vaults.settings.environment, name)
        found = backup.name
        key = vaults.drill_key.reveal() if vaults.drill_key else None
        room(work, _needed(backup))
        with _spoils(store, backup):
            _fetch(store, backup, work / "archive", tell)
        if is_encrypted(backup.name) and key is None:
            return Drilled(store.name, found, opened=False, elapsed_ms=_since(begun_s))
        plain = _decrypted(backup, work, key)
        with _spoils(store, backup):
            manifest = _unpacked(plain, work / "restored", tell)
    except UltradError as error:
        return Drilled(store.name, found, error.message, elapsed_ms=_since(begun_s))
    facts = manifest.journal
    return Drilled(
        store.name, found, None, opened=True, events=facts.events, readings=facts.readings,
        elapsed_ms=_since(begun_s),
    )  # fmt: skip


def _needed(backup: Backup) -> int:
    """Bytes that restoring takes: the archive twice, as it is and decrypted, and all that is in it."""
    files = backup.receipt.manifest.files if backup.receipt else ()
    return 2 * backup.bytes + sum(one.bytes for one in files)


@contextmanager
def _spoils(store: Store, backup: Backup) -> Iterator[None]:
    """What turns out damaged counts as good no more, and is kept for people to look at."""
    try:
        yield
    except Spoilt:
        store.set_aside(backup.name)
        raise


def _fetch(store: Store, backup: Backup, target: Path, tell: Tell) -> None:
    """Fetch it; once more where it arrives spoilt, because the way may be at fault."""
    tell(msg("fetching {name} from {target}", name=backup.name, target=store.name))
    try:
        store.fetch(backup, target)
    except Spoilt:
        store.fetch(backup, target)


def _decrypted(backup: Backup, work: Path, key: str | None) -> Path:
    if not is_encrypted(backup.name):
        return work / "archive"
    if key is None:
        raise _locked(backup)
    archive.decrypt(work / "archive", work / "decrypted", key)
    (work / "archive").unlink()
    return work / "decrypted"


def _locked(backup: Backup) -> Permanent:
    return Permanent(
        msg(
            "{name} is encrypted: give the file with an age identity of a recipient (--identity).",
            name=backup.name,
        )
    )


def _unpacked(plain: Path, target: Path, tell: Tell) -> Manifest:
    """Unpack it, and go through its journal."""
    tell(msg("unpacking, and going through the journal"))
    target.mkdir(mode=0o700)
    manifest = archive.unpack(plain, target)
    plain.unlink()
    journal.check(target / JOURNAL, manifest.journal)
    return manifest


# ---------------------------------------------------------------- restoring


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be restored. target, name: "" for the newest of all. identity: an age identity, where needed."""

    to: Path
    target: str = ""
    name: str = ""
    identity: str | None = None


def restore(vaults: Vaults, wanted: Wanted, tell: Tell) -> Restored:
    """Restore a backup into an empty directory, whole or not at all. Raises Transient and Permanent.

    It never touches the state: putting files there is a person's act, with the daemon stopped.
    """
    begun_s = time.monotonic()
    to = _empty(wanted.to, Path(vaults.settings.state_dir))
    store, backup = _wanted(vaults, wanted)
    key = wanted.identity or (vaults.drill_key.reveal() if vaults.drill_key else None)
    if is_encrypted(backup.name) and key is None:
        raise _locked(backup)
    with _made(to) as work:
        _fetch(store, backup, work / "archive", tell)
        manifest = _unpacked(_decrypted(backup, work, key), work / "restored", tell)
        for one in (work / "restored").iterdir():
            one.rename(to / one.name)
    return Restored(
        target=store.name,
        name=backup.name,
        to=str(to),
        at_ms=manifest.at_ms,
        events=manifest.journal.events,
        readings=manifest.journal.readings,
        rows=manifest.rows,
        missing=manifest.missing,
        elapsed_ms=_since(begun_s),
    )


def _empty(to: Path, state: Path) -> Path:
    to, state = to.resolve(), state.resolve()
    if to == state or state in to.parents or to in state.parents:
        raise Permanent(
            msg("{path} is, holds or lies in the state directory: restore elsewhere, then copy.", path=str(to))
        )
    try:
        if to.exists() and (not to.is_dir() or any(to.iterdir())):
            raise Permanent(msg("{path} is not an empty directory: restore into a new one.", path=str(to)))
    except OSError as error:
        raise _unmade(to, error) from error
    return to


def _unmade(path: Path, error: OSError) -> Transient:
    return Transient(msg("{path} cannot be made: {reason}.", path=str(path), reason=error.strerror or ""))


@contextmanager
def _made(to: Path) -> Iterator[Path]:
    """The directory, and a place in it to work; without a trace where it fails."""
    there = to.exists()
    work = to / ".restoring"
    try:
        to.mkdir(mode=0o700, exist_ok=True)
        work.mkdir(mode=0o700)
    except OSError as error:
        raise _unmade(to, error) from error
    try:
        yield work
    finally:
        archive.remove_tree(work)
        if not there and not any(to.iterdir()):
            to.rmdir()


def _wanted(vaults: Vaults, wanted: Wanted) -> tuple[Store, Backup]:
    """The newest that can be had: what one target does not give, another may."""
    found: list[tuple[int, Store, Backup]] = []
    failure: UltradError | None = None
    for store in map(store_of, _chosen(vaults, wanted.target)):
        try:
            backup = _find(store, vaults.settings.environment, wanted.name)
        except UltradError as error:
            failure = failure or error
        else:
            found.append((backup.at_ms, store, backup))
    if not found:
        raise failure or Permanent(msg("[backup] has no target: there is no backup."))
    _, store, backup = max(found, key=lambda one: one[0])
    return store, backup


def _chosen(vaults: Vaults, target: str) -> tuple[TargetConfig, ...]:
    chosen = tuple(one for one in vaults.targets if target in ("", one.section.name))
    if target and not chosen:
        raise Permanent(
            msg(
                "There is no target {target}; there are: {names}.",
                target=target,
                names=", ".join(one.section.name for one in vaults.targets) or "–",
            )
        )
    return chosen


def _find(store: Store, environment: str, name: str) -> Backup:
    """The named one, or the newest good one."""
    backups = store.backups(environment)
    found = next((one for one in backups if one.name == name), None) if name else newest_good(backups)
    if found is None:
        if name:
            raise Permanent(msg("There is no backup {name} at {target}.", name=name, target=store.name))
        raise Permanent(msg("There is no good backup at {target}. Make one: ultrad backup now", target=store.name))
    if not found.good:
        raise Permanent(
            msg("{name} at {target} is not good: it was never read back whole, or was found spoilt.", name=name,
                target=store.name)
        )  # fmt: skip
    return found


def _since(begun_s: float) -> int:
    return round((time.monotonic() - begun_s) * 1_000)
