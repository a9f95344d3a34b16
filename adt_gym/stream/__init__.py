"""The stream: where a score arrives, a threshold is set and a label becomes known."""
