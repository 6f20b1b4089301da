"""Conditions under which assets are materialized by themselves. Each term says which failure it prevents.

They hold until the work is done, not only at the moment at which something changed: a run that fails, a daemon that was stopped, or
a tick that missed an event delays the work and does not lose it.
"""

from collections.abc import Collection
from datetime import timedelta

import dagster as dg
from dagster._core.definitions.declarative_automation.operators import DepsAutomationCondition

from mlops_assets.orchestration.outdated import OutdatedCondition
from mlops_assets.orchestration.upstream_state import (
    ChampionAvailableCondition,
    EnoughUpstreamCondition,
    OwnUpstreamMissingCondition,
)

EVERY_TEN_MINUTES = "*/10 * * * *"
EVERY_HOUR = "17 * * * *"
EVERY_SIX_HOURS = "17 */6 * * *"
"""When a partition whose run failed is asked for again (cron, UTC)."""


def follow_upstream(
    retry_cron: str, *, ignored: Collection[dg.AssetKey] = (), optional: Collection[dg.AssetKey] = ()
) -> dg.AutomationCondition:
    """Materialize every partition that is missing or outdated, old ones too.

    `AutomationCondition.eager()` looks at the latest partition alone; late corrections change earlier ones.

    Args:
        retry_cron: when to ask again for what failed.
        ignored: upstream assets whose updates do not count.
        optional: upstream assets of which one partition or another is looked up: none holds the asset back or makes it outdated.
    """
    return (
        (dg.AutomationCondition.missing() | _outdated([*ignored, *optional]))
        # Half a history must not look like a whole one.
        & ~_but(optional, dg.AutomationCondition.any_deps_missing())
        & _can_start(retry_cron, optional)
    ).with_label("follow_upstream")


def once_a_window_is_over(retry_cron: str, *, lookback: timedelta) -> dg.AutomationCondition:
    """Materialize every partition of the recent past that is missing, at the next tick after its end; a failed one at each tick.

    For what comes from outside of Dagster, where no upstream says that something is new. The minutes up to the tick leave time for
    what arrives late.

    Args:
        retry_cron: when to look; a few minutes after the end of a partition.
        lookback: how far back from the end of the latest partition: how long a daemon may be stopped without a backfill.
    """
    return (
        dg.AutomationCondition.in_latest_time_window(lookback)
        & dg.AutomationCondition.missing()
        & dg.AutomationCondition.cron_tick_passed(retry_cron)
        & ~dg.AutomationCondition.in_progress()
    ).with_label("once_a_window_is_over")


def follow_own_upstream(retry_cron: str) -> dg.AutomationCondition:
    """Materialize every partition that is missing or outdated and whose own upstream is there.

    For assets that look at further partitions but do without them, as a day's series does without the day before.
    """
    return (
        (dg.AutomationCondition.missing() | _outdated())
        # A day that nobody has read has no series, although the day before it has readings.
        & ~OwnUpstreamMissingCondition()
        & _can_start(retry_cron)
    ).with_label("follow_own_upstream")


def follow_with_champion(
    retry_cron: str, champion_key: dg.AssetKey, *, ignored: Collection[dg.AssetKey] = ()
) -> dg.AutomationCondition:
    """Score the latest partition once it is there, and every scored one again when its records changed.

    Earlier partitions that were never scored are left to backfills: of a history of 25 years, most months never are.

    Args:
        retry_cron: when to ask again for what failed.
        champion_key: the asset that keeps the promotion decisions; a new champion alone scores nothing again.
        ignored: further upstream assets whose updates do not count.
    """
    is_new = dg.AutomationCondition.in_latest_time_window() & dg.AutomationCondition.missing()
    return (
        (is_new | _outdated([champion_key, *ignored]))
        & ~dg.AutomationCondition.any_deps_missing()
        # A run without a champion would only fail, and do so again and again.
        & ChampionAvailableCondition(champion_key=champion_key)
        & _can_start(retry_cron)
    ).with_label("follow_with_champion")


def forecast_with_champion(retry_cron: str, champion_key: dg.AssetKey, *, lookback: timedelta) -> dg.AutomationCondition:
    """Forecast from the latest partitions when they are missing or outdated; what was forecast long ago stays as it was said.

    Args:
        retry_cron: when to ask again for what failed.
        champion_key: the asset that keeps the promotion decisions; a new champion alone forecasts nothing again.
        lookback: how far back from the end of the latest partition forecasts are still made.
    """
    return (
        dg.AutomationCondition.in_latest_time_window(lookback)
        & (dg.AutomationCondition.missing() | _outdated([champion_key]))
        & ~OwnUpstreamMissingCondition()
        # A run without a champion would only fail, and do so again and again.
        & ChampionAvailableCondition(champion_key=champion_key)
        & _can_start(retry_cron)
    ).with_label("forecast_with_champion")


def train_once(retry_cron: str, champion_key: dg.AssetKey, *, at_least: int) -> dg.AutomationCondition:
    """Make the latest training window once, when its last partition is there; corrections alone do not repeat it.

    Args:
        retry_cron: when to ask again for what failed.
        champion_key: the asset that keeps the promotion decisions.
        at_least: how many partitions a window needs: a source may lack some for good, or have begun a few months ago.
    """
    is_to_come = dg.AutomationCondition.missing() & (
        dg.AutomationCondition.in_progress()
        | dg.AutomationCondition.execution_failed()
        | dg.AutomationCondition.will_be_requested()
    )
    return (
        dg.AutomationCondition.in_latest_time_window()
        & dg.AutomationCondition.missing()
        & EnoughUpstreamCondition(at_least=at_least)
        # What is on its way, or failed and will be read again, is worth waiting for.
        & ~dg.AutomationCondition.any_deps_match(is_to_come)
        # The first model is the bootstrap's, of the month before: the two would be compared in whatever order they end.
        & dg.AutomationCondition.asset_matches(champion_key, ~dg.AutomationCondition.missing())
        & _can_start(retry_cron)
    ).with_label("train_once")


def with_training(
    retry_cron: str, *, lookback: timedelta | None = None, ignored: Collection[dg.AssetKey] = ()
) -> dg.AutomationCondition:
    """Materialize what follows from a training window in the run that makes the window, and ask again for what failed there.

    One run instead of one for each step on the way to a model; a blocking check stops what follows in that run.

    Args:
        retry_cron: when to ask again.
        lookback: how far back from the end of the latest partition failures are repeated; by default the latest alone.
        ignored: upstream assets that are no step of the training, though they are looked at.
    """
    return (
        _but(ignored, dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested()))
        & ~dg.AutomationCondition.in_progress()
        | repeat_failed(retry_cron, lookback=lookback)
    ).with_label("with_training")


def repeat_failed(retry_cron: str, *, lookback: timedelta | None = None) -> dg.AutomationCondition:
    """Ask again for recent partitions whose run failed, whoever started it, once their upstream is complete and checked.

    Args:
        retry_cron: when to ask again.
        lookback: how far back from the end of the latest partition failures are repeated; by default the latest alone.
    """
    is_missing = dg.AutomationCondition.missing() & ~dg.AutomationCondition.will_be_requested()
    return (
        dg.AutomationCondition.in_latest_time_window(lookback)
        & dg.AutomationCondition.execution_failed()
        & dg.AutomationCondition.cron_tick_passed(retry_cron)
        # What stands before it in the same run failed, too, and comes first.
        & ~dg.AutomationCondition.any_deps_match(is_missing)
        & ~_any_deps_unchecked()
        & ~dg.AutomationCondition.in_progress()
    ).with_label("repeat_failed")


def after_any_upstream(
    retry_cron: str, *, ignored: Collection[dg.AssetKey] = (), only_checked: bool = False
) -> dg.AutomationCondition:
    """Materialize an asset without partitions whenever a partition of its upstream changed.

    Args:
        retry_cron: when to ask again for what failed.
        ignored: upstream assets whose updates do not count.
        only_checked: whether to wait while something upstream fails a blocking check.
    """
    # Most partitions of the upstream may never be materialized, so missing ones must not hold it back.
    has_upstream = _but(ignored, dg.AutomationCondition.any_deps_match(~dg.AutomationCondition.missing()))
    condition = (
        ((dg.AutomationCondition.missing() & has_upstream) | _outdated(ignored))
        # Two runs would do the same work, the first on rows that are about to be replaced.
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
        & _has_not_just_failed(retry_cron)
    )
    return (condition & ~_any_deps_unchecked() if only_checked else condition).with_label("after_any_upstream")


def at_most_each(cron: str, condition: dg.AutomationCondition) -> dg.AutomationCondition:
    """Let a condition hold once after each tick of a calendar, for what follows an upstream that changes every few seconds.

    Args:
        cron: the calendar (UTC); what became due is made at the next tick, or as soon after it as the condition allows.
        condition: when it is due.
    """
    is_its_turn = dg.AutomationCondition.cron_tick_passed(cron).since(dg.AutomationCondition.newly_requested())
    return (condition & is_its_turn).with_label("at_most_each")


def _outdated(ignored: Collection[dg.AssetKey] = ()) -> dg.AutomationCondition:
    return OutdatedCondition(ignored=frozenset(ignored))


def _but(ignored: Collection[dg.AssetKey], condition: DepsAutomationCondition) -> DepsAutomationCondition:
    """Return a condition about the upstream that does not look at some of it."""
    return condition.ignore(dg.AssetSelection.assets(*ignored)) if ignored else condition


def _can_start(retry_cron: str, optional: Collection[dg.AssetKey] = ()) -> dg.AutomationCondition:
    return (
        # Two runs would do the same work, the first on rows that are about to be replaced.
        ~_but(optional, dg.AutomationCondition.any_deps_in_progress())
        & ~dg.AutomationCondition.in_progress()
        & ~_any_deps_unchecked(optional)
        & _has_not_just_failed(retry_cron)
    )


def _any_deps_unchecked(optional: Collection[dg.AssetKey] = ()) -> dg.AutomationCondition:
    """Hold where an upstream partition that is there failed a blocking check, or was seen by none.

    A blocking check stops its own run only; this keeps a later run from using what failed it. Dagster's own
    `all_deps_blocking_checks_passed` is content if one of several upstream partitions passed.
    """
    is_unchecked = dg.AutomationCondition.any_checks_match(~dg.AutomationCondition.check_passed(), blocking_only=True)
    unchecked = dg.AutomationCondition.any_deps_match(~dg.AutomationCondition.missing() & is_unchecked)
    return _but(optional, unchecked).with_label("any_deps_unchecked")


def _has_not_just_failed(retry_cron: str) -> dg.AutomationCondition:
    """Hold unless the latest run failed; then at each tick of `retry_cron`, and as soon as something upstream changes.

    A failure that time may cure is repeated without a person, and one that it cannot cure does not start a run at every tick.
    """
    return (
        ~dg.AutomationCondition.execution_failed()
        | dg.AutomationCondition.cron_tick_passed(retry_cron)
        | dg.AutomationCondition.any_deps_updated()
    ).with_label("has_not_just_failed")


def domain_conditions_sensor(domain: str, *, automation_enabled: bool) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the conditions of one domain's assets."""
    return dg.AutomationConditionSensorDefinition(
        f"{domain}_conditions",
        target=dg.AssetSelection.groups(domain),
        default_status=sensor_status(automation_enabled),
        minimum_interval_seconds=30,
        run_tags={"domain": domain},
        # Conditions of our own are evaluated where their code is.
        use_user_code_server=True,
        description=f"Materializes assets of {domain} when their conditions hold.",
    )


def sensor_status(automation_enabled: bool) -> dg.DefaultSensorStatus:
    """Return whether a sensor starts with the daemon or waits for a person to switch it on."""
    return dg.DefaultSensorStatus.RUNNING if automation_enabled else dg.DefaultSensorStatus.STOPPED


def schedule_status(automation_enabled: bool) -> dg.DefaultScheduleStatus:
    """Return whether a schedule starts with the daemon or waits for a person to switch it on."""
    return dg.DefaultScheduleStatus.RUNNING if automation_enabled else dg.DefaultScheduleStatus.STOPPED
