"""The page of models: the card of each champion, and how it became champion."""

from __future__ import annotations

import streamlit as st

from mlops_assets.dashboard.charts import models as charts
from mlops_assets.dashboard.reading import choose, read, section, show_chart, stores
from mlops_assets.dashboard.tables.models import (
    ModelHistory,
    comparable_metrics,
    model_names,
    read_decisions,
    read_model,
    versions_table,
)
from mlops_assets.ml.bundle import Provenance
from mlops_assets.stores.models.versions import ModelVersion

_SHOWN_VERSIONS = 20
_WHEN = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")
_DAY = st.column_config.DatetimeColumn(format="YYYY-MM-DD")
_TIMES = {"trained from": _DAY, "trained to": _DAY, "promoted at": _WHEN, "rolled back at": _WHEN}


def show() -> None:
    """Draw the page."""
    st.title("Models", anchor=False)
    names = model_names()
    for tab, (domain, model) in zip(st.tabs([domain.replace("_", " ") for domain, _ in names]), names, strict=True):
        with tab:
            _show_model(domain, model)


def _show_model(domain: str, model: str) -> None:
    with section(model.replace("_", " ").capitalize()):
        history = read(read_model, domain, model)
        if history.champion is None or history.provenance is None:
            st.info(f"No version of {model} is champion: none of {len(history.versions)} was promoted.")
        else:
            _show_card(history.champion, history.provenance)
            with section("Beside baselines"):
                _show_metrics(domain, history)
            _show_lineage(history.provenance)
        with section("Versions"):
            _show_versions(history)
        with section("Promotion decisions"):
            _show_decisions(domain)


def _show_card(champion: ModelVersion, provenance: Provenance) -> None:
    with st.container(horizontal=True):
        st.metric("Champion", f"version {champion.version}")
        st.metric("Training rows", f"{provenance.training_rows:,}")
        if champion.promoted_at is not None:
            st.metric("Champion since (UTC)", f"{champion.promoted_at:%Y-%m-%d}")
    start, end = provenance.training_start_at, provenance.training_end_at
    window = f", trained on {start:%Y-%m-%d} to {end:%Y-%m-%d} (UTC)" if start and end else ""
    st.markdown(
        f"{_in_words(provenance.estimator_name)}{window}. [Version]({champion.model_url(stores().mlflow_ui_url)}) and "
        f"[training run]({champion.run_url(stores().mlflow_ui_url)}) in MLflow."
    )


def _show_metrics(domain: str, history: ModelHistory) -> None:
    metric = choose("Metric", comparable_metrics(history.metrics), key=f"metric of {domain}", format_func=_in_words)
    show_chart(charts.beside_baselines(history.metrics, metric))


def _show_lineage(provenance: Provenance) -> None:
    with st.expander("Features and libraries"):
        st.markdown(" ".join(f"`{name}`" for name in provenance.feature_names))
        st.markdown(", ".join(f"{library} {version}" for library, version in provenance.library_versions.items()))
        st.caption(f"Fingerprint {provenance.fingerprint[:16]}, seed {provenance.seed}")


def _show_versions(history: ModelHistory) -> None:
    versions = versions_table(history.versions)
    if versions["trained to"].notna().any():
        st.caption("What each version learned from; blue ones are champion, or were.")
        show_chart(charts.training_windows(versions.head(_SHOWN_VERSIONS)))
    st.dataframe(versions, hide_index=True, column_config=_TIMES)


def _show_decisions(domain: str) -> None:
    decisions = read(read_decisions, domain)
    if decisions is None or decisions.empty:
        st.info("No version has been compared with a champion yet.")
        return
    newest = decisions.iloc[0]
    st.markdown(f"Version {newest['challenger_version']}: **{_in_words(newest['decision'])}**. {newest['reason']}")
    st.dataframe(decisions.rename(columns=_in_words), hide_index=True)


def _in_words(name: str) -> str:
    return name.replace("_", " ")
