"""Makes backups, looks at them, tries them, and restores them: what the worker and the commands call.

A composition root: it knows adapters. Everything here blocks, for minutes where a journal is large.
"""

import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import anyio

from ultrad import __version__
from ultrad.adapters.backup import archive, journal
from ultrad.adapters.backup.scratch import scratch
from ultrad.adapters.backup.store import S3Settings, Store, open_directory, open_s3
from ultrad.adapters.flag import FlagFile
from ultrad.config import Vaults
from ultrad.config.backup import TargetConfig
from ultrad.core.backup_runs import (
    BackupRun,
    Brought,
    Listing,
    Look,
    TargetLook,
    listed,
    look_of,
)
from ultrad.core.backups import (
    FORMAT,
    LEFTOVER_MS,
    Keeping,
    Manifest,
    Receipt,
    leftovers,
    name_of,
    surplus,
)
from ultrad.core.limits import HOUR_MS
from ultrad.errors import Transient, UltradError
from ultrad.i18n import Message, msg
from ultrad.paths import Paths
from ultrad.ports import FlagState
from ultrad.rows import notion_rows

ROWS_S = 1_200.0
"""For all of Notion's rows: 100 a request, three requests a second."""
JOURNAL, FLAG, CONFIG, ROWS, DENIED = (
    "journal.db",
    "flag.json",
    "config/ultrad.toml",
    "notion.jsonl",
    "denied.json",
)
"""The files in an archive."""
MOST_GONE = 10
"""So many are let go at once: a clock that was set years ahead costs ten of them, not all."""
_ROOM = 3
"""A backup takes the journal's size so many times while it is made: copy, archive, encrypted archive."""

Tell = Callable[[Message], None]


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


# ---------------------------------------------------------------- the targets


def store_of(target: TargetConfig) -> Store:
    """A target, opened."""
    section = target.section
    if section.kind == "directory":
        return open_directory(section.name, Path(section.path or ""))
    return open_s3(
        section.name,
        S3Settings(
            bucket=section.bucket or "",
            prefix=section.prefix or "",
            endpoint=section.endpoint or "",
            region=section.region or "",
            access_key=target.access_key.reveal() if target.access_key else "",
            secret_key=target.secret_key.reveal() if target.secret_key else "",
        ),
    )


def look(vaults: Vaults) -> Look:
    """How every target is."""
    return _look_at(vaults, tuple(map(store_of, vaults.targets)))


def _look_at(vaults: Vaults, stores: tuple[Store, ...]) -> Look:
    targets = tuple(_look(one, vaults.settings.environment) for one in stores)
    return Look(bool(targets), vaults.settings.backup.max_age_h * HOUR_MS, targets)


def _look(store: Store, environment: str) -> TargetLook:
    try:
        return look_of(store.name, store.backups(environment), store.free_bytes())
    except UltradError as error:
        return TargetLook(store.name, error.message)


def listing(vaults: Vaults) -> Listing:
    """All backups at all targets."""
    backups, errors = [], []
    for store in map(store_of, vaults.targets):
        try:
            backups += [listed(store.name, one) for one in store.backups(vaults.settings.environment)]
        except UltradError as error:
            errors.append(error.message)
    return Listing(tuple(backups), tuple(errors))


# ---------------------------------------------------------------- making one


def make(vaults: Vaults, at_ms: int, tell: Tell) -> BackupRun:
    """Make a backup, bring it to every target, and let old ones go. Raises Transient and Permanent.

    at_ms: now, in wall milliseconds. What fails at one target is told in the answer, and stops no other.
    """
    if not vaults.targets:
        return BackupRun(Look(configured=False))
    paths = Paths.of(vaults.settings)
    with scratch(paths.scratch, _ROOM * _size(paths.journal)) as work:
        manifest = _pack(vaults, paths, work, at_ms, tell)
        stores = tuple(map(store_of, vaults.targets))
        brought = tuple(
            _bring(one, vaults, work, manifest, tell) for one in zip(vaults.targets, stores, strict=True)
        )
    facts = manifest.journal
    return BackupRun(
        look=_look_at(vaults, stores),
        at_ms=at_ms,
        head=f"{facts.head_seq}:{facts.head_hash}",
        events=facts.events,
        readings=facts.readings,
        rows=manifest.rows,
        brought=brought,
        missing=manifest.missing,
    )


_PLAIN, _ENCRYPTED = "plain", "encrypted"


def _pack(vaults: Vaults, paths: Paths, work: Path, at_ms: int, tell: Tell) -> Manifest:
    """Put the archive together, plain and encrypted as the targets need it."""
    files = {JOURNAL: work / "journal.db", CONFIG: work / "config", FLAG: work / "flag", ROWS: work / "rows"}
    tell(msg("copying the journal"))
    facts = journal.copy(paths.journal, files[JOURNAL])
    files[CONFIG].write_text(_config_text(vaults), encoding="utf-8")
    files[FLAG].write_text(json.dumps(_flag(paths), indent=1), encoding="utf-8")
    missing: list[Message] = []
    if vaults.faulty:
        missing.append(msg("the configuration has mistakes (`ultrad check`): what they concern may be missing"))
    rows: int | None = None
    try:
        rows = anyio.run(_export, vaults, files[ROWS])
    except UltradError as error:
        missing.append(msg("Notion's rows are missing: {why}", why=error.message))
    except TimeoutError:
        missing.append(
            msg("Notion's rows are missing: they were not all read within {limit} s", limit=int(ROWS_S))
        )
    if rows is None:
        del files[ROWS]
    if paths.denied.exists():
        files[DENIED] = paths.denied
    tell(msg("packing {events} events and {readings} readings", events=facts.events, readings=facts.readings))
    draft = Manifest(FORMAT, __version__, vaults.settings.environment, at_ms, facts, (), rows, tuple(missing))
    manifest = archive.pack(files, draft, work / _PLAIN)
    files[JOURNAL].unlink()
    if any(one.encrypted for one in vaults.targets):
        archive.encrypt(work / _PLAIN, work / _ENCRYPTED, vaults.settings.backup.recipients)
    return manifest


def _config_text(vaults: Vaults) -> str:
    """The configuration as it stands. No secret belongs there; one that does all the same is taken out."""
    text = vaults.path.read_text(encoding="utf-8", errors="replace")
    for secret in vaults.secrets.values():
        text = text.replace(secret.reveal(), "SECRET-REMOVED")
    return text


def _flag(paths: Paths) -> dict[str, str]:
    flag = FlagFile(paths.flag)
    found = flag.look()
    text = flag.content().decode("utf-8", "replace") if found.state is FlagState.PRESENT else ""
    return {"state": found.state.value, "text": text, "error": found.error}


async def _export(vaults: Vaults, target: Path) -> int | None:
    """Write Notion's rows, one a line as the API gives them; their number, None where there is no Notion."""
    async with AsyncExitStack() as stack:
        rows = await notion_rows(vaults.settings, vaults.secrets, stack)
        if rows is None:
            return None
        count = 0
        with anyio.fail_after(ROWS_S):
            async with await anyio.open_file(target, "w", encoding="utf-8") as file:
                async for row in rows.export():
                    await file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    count += 1
        return count


def _bring(to: tuple[TargetConfig, Store], vaults: Vaults, work: Path, manifest: Manifest, tell: Tell) -> Brought:
    """Bring the archive to one target, then let its old ones go."""
    target, store = to
    environment = vaults.settings.environment
    source = work / (_ENCRYPTED if target.encrypted else _PLAIN)
    name = name_of(environment, manifest.at_ms, encrypted=target.encrypted)
    digest, size = archive.digest(source)
    label, kept, removed = target.section.name, False, 0
    tell(msg("bringing {size} MB to {target}", size=size // 1_000_000, target=label))
    try:
        store.put(source, Receipt(name, size, digest, manifest))
        kept = True
        removed = _let_go(store, vaults, manifest.at_ms)
    except UltradError as error:
        return Brought(label, name, size, kept, removed, error.message)
    return Brought(label, name, size, kept, removed)


def _let_go(store: Store, vaults: Vaults, at_ms: int) -> int:
    """Let old ones go, and what uploads left that died; answers how many backups."""
    environment, section = vaults.settings.environment, vaults.settings.backup
    gone = surplus(store.backups(environment), at_ms, Keeping(section.keep_days, section.keep_months, vaults.zone))
    for name in (*gone[:MOST_GONE], *leftovers(store.files(), at_ms, environment)):
        store.remove(name)
    with suppress(UltradError):  # not every service knows it, nor has every key the right: it costs room alone
        store.abort_uploads(environment, at_ms - LEFTOVER_MS)
    return len(gone[:MOST_GONE])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise Transient(
            msg("{path} cannot be read: {reason}.", path=str(path), reason=error.strerror or "")
        ) from error
