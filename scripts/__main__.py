"""The console command `adt`."""
