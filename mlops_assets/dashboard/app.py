"""What Streamlit runs: the pages and their navigation."""

import streamlit as st

from mlops_assets.dashboard.views import chicago, donostia, models, predict, songs

st.set_page_config(page_title="mlops_assets", page_icon=":material/hub:", layout="centered")
st.navigation(
    [
        st.Page(predict.show, title="Predict", icon=":material/smart_toy:", default=True),
        st.Page(songs.show, title="Songs", icon=":material/music_note:", url_path="songs"),
        st.Page(models.show, title="Models", icon=":material/workspace_premium:", url_path="models"),
        st.Page(chicago.show, title="Chicago", icon=":material/local_police:", url_path="chicago"),
        st.Page(donostia.show, title="Donostia", icon=":material/local_parking:", url_path="donostia"),
    ],
    position="top",
).run()
