"""Where points come from: each source says what has arrived, in the order of time."""
