"""What pages read from the stores, one module for each page: only the columns and partitions that are shown."""
