"""What Airflow finds in plugins/: one plugin, and none of our modules under a bare name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

PROGRAM = """
import json, sys
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
print(json.dumps({
    "plugins": [plugin.name for plugin in plugins],
    "errors": {str(key): str(value) for key, value in errors.items()},
    "shadows": [name for name in %r if name in sys.modules],
}))
"""


def test_airflow_loads_the_plugin_and_nothing_else(tmp_path: Path) -> None:
    """Airflow runs each file below plugins/ under its bare name, unless .airflowignore says not to."""
    stems = sorted({file.stem for file in (ROOT / "plugins" / "aws_ml").rglob("*.py")} - {"__init__"})
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(ROOT / "plugins"),
    }
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM % (stems,)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["errors"] == {}
    assert "aws_ml" in told["plugins"]
    assert told["shadows"] == []
