"""Chicago's arrests: predictions, drift, and who was champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_assets.chicago_crimes.model_contracts import ARREST_CHAMPION, ARREST_DRIFT, ARREST_EVALUATION, ARREST_PREDICTIONS
from mlops_assets.grafana.dashboard import Dashboard
from mlops_assets.grafana.panels import Query, at_most, table, time_series

if TYPE_CHECKING:
    from mlops_assets.grafana.panels import Panel
    from mlops_assets.grafana.warehouses import GrafanaWarehouse

_DRIFT = at_most(0.1, 0.2)
"""Population stability below 0.1 is stable, from 0.2 on it is drift."""


def dashboard(warehouse: GrafanaWarehouse) -> Dashboard:
    """Return the dashboard of a warehouse."""
    month = warehouse.as_time("month")
    drift = warehouse.table(ARREST_DRIFT)
    return Dashboard(
        "chicago_crimes",
        "Chicago crimes",
        "Which crimes are expected to lead to an arrest, whether crimes have changed since training, and who is champion.",
        since="now-3y",
        refresh="15m",
        panels=(
            _predictions(month, warehouse.table(ARREST_PREDICTIONS)),
            _evaluation(month, warehouse.table(ARREST_EVALUATION)),
            _drift(month, drift),
            _over_limit(drift),
            _champions(warehouse.table(ARREST_CHAMPION)),
        ),
    )


def _predictions(month: str, predictions: str) -> Panel:
    return time_series(
        "Predicted arrests by month",
        "Crimes of each month, how many of them the champion of the time expects to lead to an arrest, and its mean probability.",
        Query(
            f"SELECT {month} AS time, COUNT(*) AS crime_count,\n"
            "  SUM(CASE WHEN is_arrest_predicted THEN 1 ELSE 0 END) AS predicted_arrest_count,\n"
            f"  AVG(arrest_probability) AS mean_probability\nFROM {predictions}\nWHERE $__timeFilter(occurred_at)\n"
            "GROUP BY 1\nORDER BY 1"
        ),
        labels={"crime_count": "crimes", "predicted_arrest_count": "predicted arrests", "mean_probability": "mean probability"},
        units={"mean_probability": "percentunit"},
        field_custom={"mean_probability": {"axisPlacement": "right"}},
        minimum=0,
    )


def _evaluation(month: str, evaluation: str) -> Panel:
    return time_series(
        "Quality of each month's model",
        "Area under the ROC curve on the latest fifth of the training window: 0.5 is chance, 1 is perfect. The base rate knows how "
        "often each type of crime led to an arrest; a model must beat it.",
        Query(
            f"SELECT {month} AS time, predictor, auc\nFROM {evaluation}\n"
            "WHERE slice_kind = 'all' AND predictor <> 'majority_class' AND auc IS NOT NULL\nORDER BY 1, 2"
        ),
        display_name="${__field.labels.predictor}",
        decimals=3,
        minimum=0.5,
        maximum=1,
    )


def _drift(month: str, drift: str) -> Panel:
    return time_series(
        "Drift from training",
        "Population stability index between each month and what its model was trained on, by column: below 0.1 is stable, "
        "from 0.2 on (red) it is drift.",
        Query(f"SELECT {month} AS time, feature, psi\nFROM {drift}\nWHERE psi IS NOT NULL\nORDER BY 1, 2"),
        display_name="${__field.labels.feature}",
        decimals=3,
        minimum=0,
        thresholds=_DRIFT,
    )


def _over_limit(drift: str) -> Panel:
    return table(
        "Beyond the limits",
        "Columns that drifted, and metrics that fell, by month: newest first. Enough of them make the model be trained again.",
        Query(
            "SELECT month, kind, feature, psi, ks, reference_value, current_value\n"
            f"FROM {drift}\nWHERE is_over_limit\nORDER BY month DESC, kind, feature\nLIMIT 100"
        ),
        labels={"psi": "PSI", "ks": "KS", "reference_value": "at training", "current_value": "that month"},
        units={"month": "time:YYYY-MM"},
        decimals=3,
        no_value="Nothing is beyond its limit",
    )


def _champions(champions: str) -> Panel:
    return table(
        "Champion history",
        "One row per version that challenged the champion: what was decided, by which metric, and why. Newest first.",
        Query(
            "SELECT challenger_version, champion_version, decision, metric, challenger_value, champion_value,\n"
            f"  improvement_low, reason\nFROM {champions}\nORDER BY challenger_version DESC\nLIMIT 50"
        ),
        labels={
            "challenger_version": "challenger",
            "champion_version": "champion",
            "challenger_value": "of challenger",
            "champion_value": "of champion",
            "improvement_low": "better by at least",
        },
        units={"challenger_version": "none", "champion_version": "none"},
        decimals=4,
        width=24,
        height=10,
    )
