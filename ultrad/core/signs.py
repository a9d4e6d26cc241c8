"""What an event says of conditions that need somebody."""

from dataclasses import dataclass
from typing import cast

from ultrad.core.events import Event, Json, Level, Severity
from ultrad.core.intents import OCTOBOT
from ultrad.i18n import Message, msg

EMERGENCY_STOP = "EMERGENCY STOP: {cause}"
"""How a stop is told; `cause` is what was found."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A condition that began, or is seen again, or is over (`stands` False); found and stop as in `Incident`."""

    key: tuple[str, str]
    severity: Severity
    level: Level
    message: Message
    stands: bool = True
    found: bool = False
    stop: bool = False


def signs_of(event: Event) -> tuple[Sign, ...]:
    """What an event says of conditions that need somebody. S3 is noise, and left to the daily report."""
    data = event.data
    match event.kind:
        case "finding.raised" | "finding.cleared":
            severity = Severity(str(data["severity"]))
            stands = event.kind == "finding.raised"
            if stands and severity is Severity.S3:
                return ()
            key = (str(data["code"]), str(data["subject"]))
            return (Sign(key, severity, event.level, event.message, stands, found=True),)
        case "estop.on":
            cause = cast("dict[str, Json]", data["cause"])
            key = (str(cause["code"]), str(cause["subject"]))
            message = msg("EMERGENCY STOP: {cause}", cause=event.message)
            return (Sign(key, Severity(str(cause["severity"])), event.level, message, stop=True),)
        case "notice.given_up":
            key = ("notice_given_up", str(data["channel"]))
            return (Sign(key, Severity.S2, event.level, event.message),)
        case "intent.failed" if data.get("leg") == OCTOBOT:
            key = ("octobot_leg", str(data["intent"]))
            return (Sign(key, Severity.S2, event.level, event.message),)
        case _:
            return ()
