"""What a rescue works with once it is under way, and whether it did what it should."""

from ultrad.core import rescue
from ultrad.core.intents import Intent
from ultrad.core.rescue import Measure
from ultrad.i18n import Message, msg
from ultrad.trade_ports import PatientAt
from ultrad.trader.ports import RescueMeans, TraderPorts
from ultrad.units import ALL_BPS, Address, Bps


def means(ports: TraderPorts) -> RescueMeans:
    """The means of a rescue that is under way."""
    if ports.rescue is None:
        raise AssertionError("a rescue without means")
    return ports.rescue


def rescue_off(intent: Intent, found: PatientAt, tolerance_bps: Bps) -> Message | None:
    """How far what a rescue changed is from what it should have; None within the tolerance."""
    moved, wanted = rescue.how_far_off(
        found.patient.holdings,
        Measure(intent.measure),
        Address(intent.asset),
        intent.amount,
        intent.supplied_before,
    )
    if abs(moved - wanted) * ALL_BPS <= wanted * tolerance_bps:
        return None
    return msg(
        "{id}: the rescue moved {moved}, not {wanted} (scaled smallest units). No further one is tried until a "
        "resume. Find out what else moved it.",
        id=intent.id,
        moved=str(moved),
        wanted=str(wanted),
    )
