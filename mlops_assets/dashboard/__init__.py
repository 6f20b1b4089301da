"""`mlops-assets dashboard`: what domains hold, who is champion, and questions to the served models, as pages of Streamlit.

`tables` reads stores, `charts` draws frames, `clients` asks serving; none of them knows Streamlit. `views` puts them together.
"""
