from pathlib import Path

from typer.testing import CliRunner

from adt_gym.live.config import load
from adt_gym.scripts.__main__ import app


def test_init_makes_folders_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "adt" / "watch.toml"
    assert CliRunner().invoke(app, ["watch", "--init", str(path)]).exit_code == 0
    load(path)
    path.write_text("mine")
    again = CliRunner().invoke(app, ["watch", "--init", str(path)])
    assert again.exit_code == 2
    assert "is never replaced" in again.stderr
    assert path.read_text() == "mine"
