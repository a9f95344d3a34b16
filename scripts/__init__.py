"""The console command `adt`: one file per subcommand."""
