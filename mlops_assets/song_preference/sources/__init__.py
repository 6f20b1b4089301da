"""Where playlists come from: the lake's inbox, a folder, or simulated listeners."""
