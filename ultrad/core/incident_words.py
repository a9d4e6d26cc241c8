"""Incidents in an operator's words: how one is shown, and what may be said of it."""

from ultrad.core.incidents import Incident
from ultrad.core.status import IncidentLine
from ultrad.errors import Permanent
from ultrad.i18n import msg

MAX_TEXT = 2_000
"""What an operator says at once: as much as fits into a notice."""


def line_of(incident: Incident) -> IncidentLine:
    """As the status shows it."""
    return IncidentLine(
        number=incident.number,
        severity=incident.severity,
        stage=incident.stage,
        code=incident.key[0],
        subject=incident.key[1],
        since_ms=incident.opened.wall_ms,
        message=incident.message,
        stands=incident.stands and not incident.unconfirmed,
        by=incident.by,
    )


def words_of(text: str) -> str:
    """What an operator says of an incident, on one line. Raises Permanent where it is nothing, or too long."""
    said = " ".join(text.split())
    if not said:
        raise Permanent(msg("Say it in words: --text TEXT. It stands in the journal for those who come after."))
    if len(said) > MAX_TEXT:
        raise Permanent(msg("Say it in at most {limit} characters.", limit=MAX_TEXT))
    return said


def unknown_incident(number: int) -> Permanent:
    """The answer to a number that no incident has."""
    return Permanent(msg("There is no incident {number}. `ultrad incident list` shows them.", number=number))
