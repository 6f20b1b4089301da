"""Where events come from: Spotify's Web API, recorded files, or a simulated world of tracks. All send them to the event log."""
