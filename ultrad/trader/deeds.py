"""What the steps of an intent are as calls, be it a trade or a rescue; and whether a rescue did what it should."""

from ultrad.core import rescue
from ultrad.core.intent_steps import APPROVE
from ultrad.core.intents import Intent
from ultrad.core.rescue import Measure
from ultrad.i18n import Message, msg
from ultrad.trade_ports import Call, PatientAt
from ultrad.trader.ports import RescueMeans, TraderPorts
from ultrad.units import ALL_BPS, Address, Bps


def call_of(ports: TraderPorts, intent: Intent, about: str) -> Call:
    """The call that a step is. Raises AssertionError for a rescue where none is enabled: it has no means."""
    if intent.is_rescue:
        market, asset = means(ports).market, Address(intent.asset)
        if about == APPROVE:
            return market.approve(asset, intent.amount)
        return market.act(Measure(about), asset, intent.amount)
    trade = ports.market
    calls = {"supply": trade.supply, "withdraw": trade.withdraw}
    return calls.get(about, trade.approve)(intent.amount)


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
