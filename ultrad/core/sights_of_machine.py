"""What is seen from outside the daemon: its unit, and the configuration's file against what runs."""

from collections.abc import Mapping

from ultrad.core.events import Level, Origin, Recorded
from ultrad.core.sights import Area, Sight
from ultrad.i18n import Message, msg

UNIT = "ultrad.service"
CONFIG_KINDS = ("config.loaded", "config.changed")
_START = msg("systemctl start ultrad; look first: journalctl -u ultrad -n 100")
_ENABLE = msg("systemctl enable ultrad")


def unit_sights(shown: Mapping[str, str] | None) -> tuple[Sight, ...]:
    """The unit as systemd shows it; None where there is no systemd, or it says nothing."""
    if shown is None:
        return (_service(Level.INFO, msg("There is no systemd to ask about the service here."), known=False),)
    if shown.get("LoadState") != "loaded":
        said = msg("systemd knows no unit {unit}: it is not installed as a service.", unit=UNIT)
        return (_service(Level.WARNING, said, msg("make install, then: systemctl enable --now ultrad")),)
    state = shown.get("ActiveState", "")
    said = msg(
        "{unit} is {state} ({detail}); restarts since it was started: {restarts}.",
        unit=UNIT,
        state=state,
        detail=shown.get("SubState", ""),
        restarts=shown.get("NRestarts", "?"),
    )
    active = state in {"active", "reloading"}
    lines = [_service(Level.INFO if active else Level.CRITICAL, said, None if active else _START)]
    if shown.get("NRestarts", "0") not in {"", "0"}:
        lines = [
            _service(max(lines[0].level, Level.WARNING), said, lines[0].remedy or msg("journalctl -u ultrad"))
        ]
    boot = shown.get("UnitFileState", "")
    if boot != "enabled":
        said = msg(
            "{unit} is {state}: it does not come up by itself after a reboot.", unit=UNIT, state=boot or "–"
        )
        lines.append(_service(Level.WARNING, said, _ENABLE))
    return tuple(lines)


def daemon_sight(version: str | None, ours: str) -> Sight:
    """Whether the daemon answers. version: its own; None where it does not say."""
    if version is None or version == ours:
        return _service(
            Level.INFO, msg("The daemon answers at its control socket (version {version}).", version=ours)
        )
    said = msg("The daemon runs version {theirs}; this program is version {ours}.", theirs=version, ours=ours)
    return _service(Level.WARNING, said, msg("systemctl restart ultrad"))


def down_sight(why: Message) -> Sight:
    """Nobody answers at the control socket: nobody watches."""
    return _service(Level.CRITICAL, why, msg("Until it runs again look at the position yourself."))


def barred_sight(why: Message) -> Sight:
    """This user may not ask the daemon."""
    return _service(Level.WARNING, why, known=False)


def unanswered_sight(why: Message) -> Sight:
    """The daemon runs, and could not be looked through."""
    return _service(Level.ALERT, msg("The daemon answers, but not to this: {why}", why=why), None)


def ntp_sight(*, kept: bool | None) -> tuple[Sight, ...]:
    """Whether NTP keeps the clock; nothing where nobody says."""
    if kept is None:
        return ()
    if kept:
        return (Sight(Area.CLOCK, "ntp", Level.INFO, Origin.INFRASTRUCTURE, msg("NTP keeps the clock.")),)
    said = msg("NTP does not keep the clock.")
    remedy = msg("timedatectl set-ntp true; then look again: timedatectl")
    return (Sight(Area.CLOCK, "ntp", Level.WARNING, Origin.INFRASTRUCTURE, said, remedy),)


def running_config(newest: tuple[Recorded, ...], fingerprint: str) -> tuple[Sight, ...]:
    """The file against what the daemon goes by. newest: the newest event of CONFIG_KINDS, if there is one."""
    if not newest:
        return ()
    if newest[0].event.data.get("fingerprint") == fingerprint:
        said = msg("The daemon goes by this file as it is.")
        return (Sight(Area.CONFIG, "", Level.INFO, Origin.CODE, said),)
    said = msg("The file was changed since the daemon read it.")
    return (Sight(Area.CONFIG, "", Level.WARNING, Origin.CODE, said, msg("ultrad reload, or restart it")),)


def _service(level: Level, message: Message, remedy: Message | None = None, *, known: bool = True) -> Sight:
    return Sight(Area.SERVICE, "", level, Origin.CODE, message, remedy, known=known)
