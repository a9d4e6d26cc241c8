"""Another configuration while the daemon runs: read whole, recorded durably, then applied whole; or refused whole.

It never touches the stop: what is bad by the new limits trips at the next reading, and a limit that is looser now
lifts nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import anyio

from ultrad.config import Config, ConfigError
from ultrad.config.facts import fingerprint, is_looser, moved_secrets, reloads, secret_tags, texts
from ultrad.core.changes import Change, Texts, changes
from ultrad.core.estop import UNKNOWN
from ultrad.core.events import Event, Json, Level
from ultrad.core.messages import message_json
from ultrad.errors import Permanent, Transient
from ultrad.i18n import Message, msg
from ultrad.live import Holder
from ultrad.operations import Person, ReloadAnswer
from ultrad.ports import Clock, EventFilter, Host, Journal
from ultrad.rules import Rules, rules_of
from ultrad.units import Now

ROOT_UID = 0
READ_S = 5.0
"""A file and a handful of secrets take milliseconds: longer is a disk that hangs."""
JOURNAL_S = 10.0
"""How long a change waits for the journal's disk. Nobody wants a limit changed minutes after they asked for it."""
MOST_SHOWN = 20
"""Changes in one sentence; the record's data has more."""
MOST_RECORDED = 1_000
"""Changes in one event, which has a bound. The settings as they are now stand beside them, whole."""
VALUE_CHARACTERS = 60
SECRET, HIDDEN, NEW_SECRET = "secret", "•", "changed"
"""How a secret that is another one now is recorded: nothing of either."""
LOADED = "config.loaded"
CHANGED = "config.changed"
KEPT = "config.kept"
REFUSED = "config.refused"
VERSION = "version.changed"


@dataclass(frozen=True, slots=True)
class ReloadPorts:
    """What a reload works on.

    read: the file with its secrets, as at the start; raises ConfigError, Transient or Permanent. log_level: sets
    the log's.
    """

    read: Callable[[], Awaitable[Config]]
    rules: Holder[Rules]
    journal: Journal
    clock: Clock
    host: Host
    log_level: Callable[[str], None]


class Reload:
    """The one way to change what the daemon goes by while it runs."""

    def __init__(self, ports: ReloadPorts, running: Config, service_uid: int) -> None:
        """running: what the rules were made of."""
        self._ports, self._running = ports, running
        self._allowed = {ROOT_UID, service_uid}
        self._busy = False

    async def ask(self, person: Person) -> ReloadAnswer:
        """Read the file again, and apply it or say why not.

        Raises Permanent for who may not, Transient during another reload or where the journal refuses.
        """
        if person.uid not in self._allowed:
            raise self._denied(person)
        if self._busy:
            raise Transient(msg("A reload is under way: try again when it has ended."))
        self._busy = True
        self._ports.host.notify("RELOADING=1")
        try:
            return await self._reload(person)
        finally:
            self._busy = False
            self._ports.host.notify("READY=1")

    async def _reload(self, person: Person) -> ReloadAnswer:
        try:
            with anyio.fail_after(READ_S):
                fresh = await self._ports.read()
        except ConfigError as error:
            return self._mistaken(person, error.mistakes)
        except (Transient, Permanent) as error:
            return self._mistaken(person, (error.message,))
        except TimeoutError:
            slow = msg("the file could not be read within {seconds} s. Look at its disk.", seconds=int(READ_S))
            return self._mistaken(person, (slow,))
        before, after = texts(self._running), texts(fresh)
        found = changes(before, after, is_looser)
        stuck = {one.key for one in found if not reloads(one.key)} | {*moved_secrets(self._running, fresh)}
        if stuck:
            return self._needs_restart(person, found, tuple(sorted(stuck)))
        if not found:
            return ReloadAnswer(done=True, message=msg("The file says what runs already: nothing has changed."))
        rules = rules_of(fresh)
        settled = Settled(after, secret_tags(fresh))
        event = changed_event(found, settled, person.name, self._ports.clock.now(), uid=person.uid)
        if not await self._record(event):
            raise self._not_recorded(Settled(before, secret_tags(self._running)))
        # From here on without a suspension: whoever looks sees all of it or nothing.
        self._running = fresh
        self._ports.rules.swap(rules)
        self._ports.log_level(rules.log_level)
        return ReloadAnswer(
            done=True,
            message=msg("The new configuration is in force. Changed: {keys}.", keys=len(found)),
            changes=found,
        )

    # -------------------------------------------------------- the record

    async def _record(self, event: Event) -> bool:
        """Whether it is durable; False where the journal hangs. Raises Transient where it refuses."""
        with anyio.move_on_after(JOURNAL_S):
            await self._ports.journal.append(event)
            return True
        return False

    def _not_recorded(self, before: "Settled") -> Transient:
        """The change may yet be recorded: what is recorded after it says that it does not hold."""
        message = msg(
            "The change could not be recorded within {seconds} s, so the configuration from before stays in "
            "force. Look at the journal's disk.",
            seconds=int(JOURNAL_S),
        )
        self._ports.journal.post(Event(KEPT, Level.ALERT, self._ports.clock.now(), message, before.json()))
        return Transient(message)

    def _denied(self, person: Person) -> Permanent:
        message = msg(
            "{who} (uid {uid}) may not change the configuration of the running daemon: root and the service's own "
            "user may. Use `sudo systemctl reload ultrad`.",
            who=person.name,
            uid=person.uid,
        )
        self._refused(person, message, {})
        return Permanent(message)

    def _mistaken(self, person: Person, mistakes: tuple[Message, ...]) -> ReloadAnswer:
        message = msg(
            "{path} cannot be used, so the configuration from before stays in force. Mistakes: {count}. {first}",
            path=str(self._running.path),
            count=len(mistakes),
            first=mistakes[0],
        )
        told: list[Json] = [message_json(one) for one in mistakes[:MOST_RECORDED]]
        self._refused(person, message, {"mistakes": told})
        return ReloadAnswer(done=False, message=message, mistakes=mistakes)

    def _needs_restart(self, person: Person, found: tuple[Change, ...], keys: tuple[str, ...]) -> ReloadAnswer:
        message = msg(
            "The configuration from before stays in force, whole: what changed cannot all change while the daemon "
            "runs. A restart is needed for: {keys}.",
            keys=_shown(keys),
        )
        restart: list[Json] = [*keys[:MOST_RECORDED]]
        self._refused(person, message, {"restart": restart, "changes": _json(found)})
        return ReloadAnswer(done=False, message=message, changes=found, restart=keys)

    def _refused(self, person: Person, message: Message, data: dict[str, Json]) -> None:
        who: dict[str, Json] = {"by": person.name, "uid": person.uid}
        self._ports.journal.post(Event(REFUSED, Level.WARNING, self._ports.clock.now(), message, {**who, **data}))


# ------------------------------------------------------------ at the start


async def compare(journal: Journal, config: Config, version: str, now: Now) -> None:
    """Record what differs from what the journal last recorded: of the configuration, and of the program.

    A journal that cannot be read must not keep the daemon down: the configuration is recorded anew then.
    """
    after = Settled(texts(config), secret_tags(config))
    before: Settled | None = None
    was = None
    try:
        with anyio.fail_after(JOURNAL_S):
            before = _settled(await _last(journal, LOADED, CHANGED, KEPT))
            was = (await _last(journal, LOADED, VERSION)).get("version")
    except (Transient, Permanent, TimeoutError):
        pass
    if before is None:
        message = msg("The configuration is recorded whole: none from before is known here.")
        journal.post(Event(LOADED, Level.INFO, now, message, {"version": version, **after.json()}))
    elif found := (*changes(before.texts, after.texts, is_looser), *_moved(before.tags, after.tags)):
        journal.post(changed_event(found, after, UNKNOWN, now))
    if isinstance(was, str) and was != version:
        message = msg("The version changed from {old} to {new}.", old=was, new=version)
        journal.post(Event(VERSION, Level.INFO, now, message, {"before": was, "version": version}))


async def _last(journal: Journal, *kinds: str) -> Mapping[str, Json]:
    """What the newest event of these kinds holds."""
    newest = await journal.events(EventFilter(kinds=kinds, limit=1, newest_first=True))
    return newest[0].event.data if newest else {}


@dataclass(frozen=True, slots=True)
class Settled:
    """A configuration as it is recorded. tags: of its secrets, so that a change of one shows, and nothing else."""

    texts: Texts
    tags: Mapping[str, str]

    def json(self) -> dict[str, Json]:
        """What the event holds."""
        return {
            "fingerprint": fingerprint(self.texts),
            "settings": dict(self.texts),
            "secrets": dict(self.tags),
        }


def _settled(recorded: Mapping[str, Json]) -> Settled | None:
    """What was recorded last; without tags where an older version recorded it."""
    settings = _strings(recorded.get("settings"))
    return None if settings is None else Settled(settings, _strings(recorded.get("secrets")) or {})


def _strings(recorded: Json) -> dict[str, str] | None:
    if not isinstance(recorded, dict):
        return None
    return {key: value for key, value in recorded.items() if isinstance(value, str)}


def _moved(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """The secrets that are others now, by their keys alone."""
    for key in sorted(before.keys() & after.keys()):
        if before[key] != after[key]:
            yield Change(f"{key} ({SECRET})", HIDDEN, NEW_SECRET)


def changed_event(
    found: tuple[Change, ...], after: Settled, by: str, now: Now, *, uid: int | None = None
) -> Event:
    """The record of a change. by: who made it count; unknown for a file that was changed before a start."""
    steps = _shown(f"{one.key} {_step(one)}" for one in found)
    if uid is None:
        message = msg("The configuration was changed before this start: {changes}.", changes=steps)
    else:
        message = msg("{who} changed the configuration: {changes}.", who=by, changes=steps)
    looser = [one.key for one in found if one.looser]
    if looser:
        message = msg("{change} Looser than before: {keys}.", change=message, keys=_shown(looser))
    data: dict[str, Json] = {
        "by": by,
        "uid": uid,
        "changes": _json(found),
        **after.json(),
    }
    return Event(CHANGED, Level.WARNING if looser else Level.INFO, now, message, data)


def _json(found: Iterable[Change]) -> list[Json]:
    told: list[Json] = [{"key": one.key, "old": one.old, "new": one.new, "looser": one.looser} for one in found]
    return told[:MOST_RECORDED]


def _step(one: Change) -> str:
    old, new = ("–" if text is None else text for text in (one.old, one.new))
    return f"{_short(old)} → {_short(new)}"


def _short(text: str) -> str:
    return text if len(text) <= VALUE_CHARACTERS else f"{text[: VALUE_CHARACTERS - 1]}…"


def _shown(texts_: Iterable[str]) -> str:
    """Signs and keys alone: the same in every language."""
    listed = list(texts_)
    return ", ".join([*listed[:MOST_SHOWN], *(["…"] if len(listed) > MOST_SHOWN else [])])
