"""Environments of their own for libraries that need older versions than ours, for instance pandas below 3."""

import subprocess
import sys
from pathlib import Path

import torch

FOLDER = Path(__file__).resolve().parents[2] / ".venv-peers"
TORCH = f"torch=={torch.__version__.partition('+')[0]}"
WANTED = {
    "gluonts": ("gluonts[torch]==0.17.0", "packaging"),
    "neuralforecast": ("neuralforecast==3.3.0",),
    "nflows": ("nflows==0.14",),
}


def peer_python(name: str) -> Path | str:
    """The interpreter of an environment with a library and our version of torch, or why there is none."""
    wanted = (TORCH, *WANTED[name])
    folder = FOLDER / name
    python, installed = folder / "bin" / "python", folder / ".installed"
    if installed.is_file() and installed.read_text(encoding="utf-8") == " ".join(wanted):
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, text=True)
        for packages in (wanted[:1], wanted):  # torch first, so that nothing brings a build of its own
            command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1]
        return f"skipped: {' '.join(wanted)} could not be installed in {folder}: {said}"
    installed.write_text(" ".join(wanted), encoding="utf-8")
    return python
