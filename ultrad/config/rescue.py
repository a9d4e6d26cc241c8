"""`[rescue]`: what ultrad does by itself for a position that is near its liquidation, while the stop is ON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ultrad.config.mistakes import Mistake
from ultrad.config.section import Number, Section, number
from ultrad.config.trading import GWEI, is_dry_run, usd
from ultrad.core.rescue import RescueLimits
from ultrad.i18n import Message, msg
from ultrad.units import wad

if TYPE_CHECKING:
    from ultrad.config.schema import Settings


class RescueSection(Section):
    """`[rescue]`: repay, repay with aTokens, add collateral."""

    enabled: bool = Field(
        default=False,
        description="Whether ultrad may send what lowers the risk while the stop is ON.",
        json_schema_extra={"looser": "up"},
    )
    rescue_hf: Number = number("1.3", "1.1", "5", "Under this it begins. It must be under trip_hf.", looser="up")
    rescue_target_hf: Number = number("1.5", "1.15", "5", "Towards this, and no further.", looser="up")
    max_step_usd: Number = number("1000", "1", "1000000", "The cap of one step in USD.", looser="up")
    max_hour_usd: Number = number("3000", "1", "5000000", "The cap of an hour in USD, gross.", looser="up")
    max_day_usd: Number = number("10000", "1", "10000000", "The cap of 24 hours in USD, gross.", looser="up")
    max_fee_gwei: Number = number(
        "300", "0.01", "10000", "The most that a gas may cost. Nothing is waited for under it.", looser="up"
    )


def rescue_limits(section: RescueSection) -> RescueLimits | None:
    """The section in exact units; None where it is not enabled."""
    if not section.enabled:
        return None
    return RescueLimits(
        rescue_hf=wad(section.rescue_hf),
        target_hf=wad(section.rescue_target_hf),
        step_e8=usd(section.max_step_usd),
        hour_e8=usd(section.max_hour_usd),
        day_e8=usd(section.max_day_usd),
        max_fee_wei=int(section.max_fee_gwei * GWEI),
    )


def mistakes_in_rescue(settings: "Settings") -> Iterator[Mistake]:
    """What does not fit together."""
    rescue, trip = settings.rescue, settings.limits.trip_hf
    if rescue.enabled and rescue.rescue_hf >= trip:
        yield Mistake(
            ("rescue.rescue_hf", "limits.trip_hf"),
            msg(
                "rescue.rescue_hf = {given} must be under limits.trip_hf = {trip}: the stop comes first.",
                given=str(rescue.rescue_hf),
                trip=str(trip),
            ),
        )
    if rescue.rescue_target_hf <= rescue.rescue_hf:
        yield Mistake(
            ("rescue.rescue_target_hf", "rescue.rescue_hf"),
            msg(
                "rescue.rescue_target_hf = {target} must be over rescue.rescue_hf = {given}.",
                target=str(rescue.rescue_target_hf),
                given=str(rescue.rescue_hf),
            ),
        )
    for low, high in (("max_step_usd", "max_hour_usd"), ("max_hour_usd", "max_day_usd")):
        if getattr(rescue, low) > getattr(rescue, high):
            yield Mistake(
                (f"rescue.{low}", f"rescue.{high}"),
                msg(
                    "rescue.{low_key} = {low} must not be over rescue.{high_key} = {high}.",
                    low_key=low,
                    low=str(getattr(rescue, low)),
                    high_key=high,
                    high=str(getattr(rescue, high)),
                ),
            )
    if rescue.enabled and (settings.trade is None or settings.signer is None):
        yield Mistake(
            ("rescue.enabled", "trade", "signer"),
            msg("rescue.enabled is true, and there is no [trade] or no [signer]: nobody could sign."),
        )


def words_on_rescue(settings: "Settings") -> Iterator[tuple[Literal["ok", "warning"], Message]]:
    """For `ultrad check`."""
    rescue, trade = settings.rescue, settings.trade
    if not rescue.enabled:
        yield "ok", msg("[rescue] is not enabled: while the stop is ON ultrad sends nothing but cancellations.")
        return
    yield (
        "ok",
        msg(
            "[rescue] is enabled: under {hf} ultrad repays or adds collateral up to {target} while the stop is ON,"
            " within {step} USD a step, {hour} USD an hour, {day} USD a day.",
            hf=str(rescue.rescue_hf),
            target=str(rescue.rescue_target_hf),
            step=str(rescue.max_step_usd),
            hour=str(rescue.max_hour_usd),
            day=str(rescue.max_day_usd),
        ),
    )
    if trade is not None and is_dry_run(trade, devnet=settings.environment == "devnet"):
        yield "warning", msg("[rescue] is enabled, and trade.dry_run keeps it from sending anything.")
