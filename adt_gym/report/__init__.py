"""What is shown: HTML pages, pictures (matplotlib) and the tables of the command line (rich)."""
