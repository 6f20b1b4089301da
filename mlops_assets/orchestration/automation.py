"""Conditions under which assets are materialized by themselves. Each term says which failure it prevents."""

import dagster as dg


def follow_upstream(*, ignoring: dg.AssetSelection | None = None) -> dg.AutomationCondition:
    """Materialize every partition whose upstream partitions changed, old ones too.

    `AutomationCondition.eager()` looks at the latest partition alone; late corrections change earlier ones.

    Args:
        ignoring: upstream assets whose updates do not count.
    """
    changed = dg.AutomationCondition.any_deps_updated()
    if ignoring is not None:
        changed = changed.ignore(ignoring)
    # Not `since_last_handled()`: a run that was at work when its upstream changed handled the rows of before.
    asked_for = dg.AutomationCondition.newly_requested() | dg.AutomationCondition.initial_evaluation()
    return (
        (dg.AutomationCondition.newly_missing().since_last_handled() | changed.since(asked_for))
        # Half a history must not look like a whole one.
        & ~dg.AutomationCondition.any_deps_missing()
        # Two runs would do the same work, the first on rows that are about to be replaced.
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
        # A blocking check stops its own run only; this keeps a later run from using what failed it.
        & dg.AutomationCondition.all_deps_blocking_checks_passed()
    ).with_label("follow_upstream")


def latest_follows_upstream(*, ignoring: dg.AssetSelection | None = None) -> dg.AutomationCondition:
    """Materialize the latest partition when its upstream changed; earlier models stay as they were."""
    return (dg.AutomationCondition.in_latest_time_window() & follow_upstream(ignoring=ignoring)).with_label(
        "latest_follows_upstream"
    )


def once_when_complete() -> dg.AutomationCondition:
    """Materialize the latest partition once, as soon as all that it needs is there; corrections alone do not repeat it.

    `AutomationCondition.on_missing()` never fires for a partition that is missing when it is first evaluated: whoever loads a
    history and starts the automation would wait for the next month.
    """
    can_be_made = dg.AutomationCondition.missing() & ~dg.AutomationCondition.any_deps_missing()
    handled = dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
    return (
        dg.AutomationCondition.in_latest_time_window()
        # Once: a run that failed is for a person to look at, not to be started again at every tick.
        & can_be_made.newly_true().since(handled)
        # Two runs would do the same work, the first on rows that are about to be replaced.
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
        # Nothing is trained on rows that failed a blocking check, or that none has seen yet.
        & dg.AutomationCondition.all_deps_blocking_checks_passed()
    ).with_label("once_when_complete")


def after_any_upstream_partition() -> dg.AutomationCondition:
    """Materialize an asset without partitions whenever a partition of its upstream changed.

    Most partitions of the upstream may never be materialized, so missing ones must not hold it back.
    """
    return (
        dg.AutomationCondition.any_deps_updated().since_last_handled()
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~dg.AutomationCondition.in_progress()
    ).with_label("after_any_upstream_partition")


def domain_conditions_sensor(domain: str, *, is_running: bool) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the conditions of one domain's assets."""
    return dg.AutomationConditionSensorDefinition(
        f"{domain}_conditions",
        target=dg.AssetSelection.groups(domain),
        default_status=sensor_status(is_running),
        minimum_interval_seconds=30,
        run_tags={"domain": domain},
        description=f"Materializes assets of {domain} when their conditions hold.",
    )


def sensor_status(is_running: bool) -> dg.DefaultSensorStatus:
    """Return whether a sensor starts with the daemon or waits for a person to switch it on."""
    return dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED


def schedule_status(is_running: bool) -> dg.DefaultScheduleStatus:
    """Return whether a schedule starts with the daemon or waits for a person to switch it on."""
    return dg.DefaultScheduleStatus.RUNNING if is_running else dg.DefaultScheduleStatus.STOPPED
