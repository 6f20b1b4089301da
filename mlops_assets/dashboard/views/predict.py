"""The page that asks the served models, by every protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from mlops_assets.dashboard.charts.predict import explanation
from mlops_assets.dashboard.clients import Answer, PredictionClient, RestClient, open_clients
from mlops_assets.dashboard.errors import NothingToShowError
from mlops_assets.dashboard.reading import choose, section, show_chart
from mlops_assets.dashboard.record_form import show_fields
from mlops_assets.dashboard.settings import DashboardSettings
from mlops_assets.errors import PlatformError

_ALL = "all"
_FORECASTER = "forecaster"
_FIRST_DOMAIN = "song_preference"


@st.cache_resource(show_spinner=False)
def _clients() -> dict[str, PredictionClient]:
    return open_clients(DashboardSettings())


def show() -> None:
    """Draw the page."""
    st.title("Predict", anchor=False)
    with section():
        clients = _clients()
        rest = clients["REST"]
        assert isinstance(rest, RestClient)
        served = {(model["domain"], model["name"]): model for model in rest.models()}
        names = sorted(served, key=lambda name: (name[0] != _FIRST_DOMAIN, name))
        left, right = st.columns(2)
        domain, model = choose("Model", names, format_func="/".join, where=left)
        protocol = choose("Protocol", [_ALL, *clients], where=right)
        if not served[domain, model]["is_served"]:
            raise NothingToShowError(f"No version of {model} is champion yet. To make one:", f"mlops-assets bootstrap {domain}")
        card = rest.model(domain, model)
        if card["kind"] == _FORECASTER:
            st.info(f"{model} forecasts what comes and takes no single record; the page Donostia shows what it says.")
            return
        with st.form(f"record of {domain}/{model}"):
            record = show_fields(card["inputs"])
            explain = st.checkbox("Say which inputs moved the score", value=True)
            is_asked = st.form_submit_button("Predict", type="primary", width="stretch")
        if is_asked:
            chosen = clients if protocol == _ALL else {protocol: clients[protocol]}
            _show_answers(ask_each(chosen, domain, model, record, explain=explain))


def ask_each(
    clients: Mapping[str, PredictionClient], domain: str, model: str, record: Mapping[str, Any], *, explain: bool
) -> dict[str, Answer | PlatformError]:
    """Ask by each protocol; one that fails has its error in the place of its answer."""
    found: dict[str, Answer | PlatformError] = {}
    for protocol, client in clients.items():
        try:
            found[protocol] = client.ask(domain, model, record, explain=explain)
        except PlatformError as error:
            found[protocol] = error
    return found


def _show_answers(found: Mapping[str, Answer | PlatformError]) -> None:
    answers = {protocol: answer for protocol, answer in found.items() if isinstance(answer, Answer)}
    for problem, protocols in problems_of(found).items():
        st.warning(f"{', '.join(protocols)}: {problem}")
    if not answers:
        return
    first = next(iter(answers.values()))
    with st.container(horizontal=True):
        st.metric("Answer", _in_words(first.value))
        st.metric("Probability", f"{first.probability:.1%}")
        st.metric("Model", f"version {first.version}" if first.version is not None else "no version")
    if len({(answer.value, round(answer.probability, 9)) for answer in answers.values()}) > 1:
        st.warning("The protocols do not answer alike: perhaps another version was promoted in between.")
    st.dataframe(answers_table(answers), hide_index=True)
    if first.unknown:
        st.caption("Not given, so they count as unknown: " + ", ".join(first.unknown))
    if any(effect.effect for effect in first.explanation):
        st.subheader("What moved the score", anchor=False)
        st.caption("Against a typical record. Point at a bar to see the values.")
        show_chart(explanation(first.explanation))


def problems_of(found: Mapping[str, Answer | PlatformError]) -> dict[str, list[str]]:
    """Return the protocols by what they say is wrong; most mistakes are the same in all of them."""
    problems: dict[str, list[str]] = {}
    for protocol, error in found.items():
        if not isinstance(error, Answer):
            problems.setdefault(str(error), []).append(protocol)
    return problems


def answers_table(answers: Mapping[str, Answer]) -> pd.DataFrame:
    """Return a row for each protocol: what it answered, and after how long."""
    return pd.DataFrame(
        {
            "protocol": list(answers),
            "latency, ms": [round(answer.latency_ms, 1) for answer in answers.values()],
            "answer": [_in_words(answer.value) for answer in answers.values()],
            "probability": [round(answer.probability, 4) for answer in answers.values()],
            "version": [answer.version for answer in answers.values()],
        }
    )


def _in_words(value: bool | str) -> str:
    return value if isinstance(value, str) else ("yes" if value else "no")
