"""An environment of its own for libraries that need older versions than ours: GluonTS needs pandas below 3."""

import subprocess
import sys
from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parents[2] / ".venv-peers"
WANTED = ("gluonts==0.17.0", "packaging", f"torch=={torch.__version__.partition('+')[0]}")


def gluonts_python() -> Path | str:
    """The interpreter of an environment with GluonTS and our version of torch, or why there is none."""
    python, installed, wanted = FOLDER / "bin" / "python", FOLDER / ".installed", " ".join(WANTED)
    if installed.is_file() and installed.read_text(encoding="utf-8") == wanted:
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True, capture_output=True, text=True)
        (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED]
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
        return f"skipped: {wanted} could not be installed in {FOLDER.name}: {said}"
    installed.write_text(wanted, encoding="utf-8")
    return python
