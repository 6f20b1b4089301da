"""Where crimes come from: the live portal, its exports, or a simulated city."""
