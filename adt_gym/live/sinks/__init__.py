"""Where alerts go: each sink is told every alert that fires or ends, once and in order."""
