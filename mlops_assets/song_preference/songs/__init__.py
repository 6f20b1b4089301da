"""From dropped files to tables: typed songs, kept rejects, and the dataset that models learn from."""
