"""The options of `ultrad simulate` and `ultrad drill`."""

from typing import TYPE_CHECKING

from ultrad.i18n import msg

if TYPE_CHECKING:
    from ultrad.cli.parser import Builder

MOST_DRILLS = 200


def add(build: "Builder") -> None:
    """Add both."""
    as_json = build.text(msg("for programs: one JSON object"))
    simulate = build.command(
        "simulate", msg("what other prices or rates would make of the positions; it only computes")
    )
    simulate.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="SYMBOL=CHANGE",
        help=build.text(msg("WETH=-20%%, WETH=+5%% or a price in US dollars, WETH=2100; may be repeated")),
    )
    simulate.add_argument(
        "--borrow-rate",
        action="append",
        default=[],
        metavar="[SYMBOL=]RATE",
        help=build.text(
            msg(
                "the yearly rate of debts, of all or of one: +5%% is five percentage points more, 12%% the rate; "
                "less as --borrow-rate=-2%%"
            )
        ),
    )
    simulate.add_argument("--position", default="", metavar="NAME", help=build.text(msg("only this one")))
    drill = build.group("drill", msg("try the stop and the channels while nothing is wrong"))
    estop = drill.command(
        "estop",
        msg("trip a stop on a flag of its own, tell of it, and time each step; the real gate is not touched"),
    )
    notify = drill.command("notify", msg("send a test to each channel, and wait until it is taken"))
    listed = drill.command("list", msg("the last drills and their times"))
    listed.add_argument(
        "--limit",
        type=int,
        default=20,
        metavar="N",
        help=build.text(msg("at most so many, the newest (1 to {most})", most=MOST_DRILLS)),
    )
    for one in (simulate, estop, notify, listed):
        one.add_argument("--json", action="store_true", help=as_json)
