"""Execute notebooks and store them with what they print and pictures that every viewer shows.

    python notebooks/store.py notebooks/01_first_steps.ipynb ...

Charts are interactive where a notebook runs. A page that shows a stored one runs no script, so each
chart is kept as a PNG image instead. That asks for Chromium and `pip install kaleido pillow`.
"""

import base64
import io
import os
import sys
from pathlib import Path

import kaleido
import nbformat
from nbclient import NotebookClient
from PIL import Image

CHART = "application/vnd.plotly.v1+json"
WIDTH, SECONDS = 800, 600


def executed(path):
    """Return a notebook with what it printed, without the times at which it did."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=SECONDS, resources={"metadata": {"path": path.parent}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def drawn(chart):
    """Return a chart as a small PNG image in base64."""
    size = {"width": WIDTH, "height": chart["layout"].get("height", 450)}
    image = Image.open(io.BytesIO(kaleido.calc_fig_sync(chart, opts={"format": "png", **size})))
    small = io.BytesIO()
    image.convert("RGB").quantize(128).save(small, format="PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def store(path):
    """Execute a notebook and write it back."""
    notebook = executed(path)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if CHART in data:
                title = data[CHART]["layout"].get("title", {}).get("text", "chart")
                output["data"] = nbformat.from_dict({"image/png": drawn(data[CHART])})
                output["metadata"] = nbformat.from_dict({"image/png": {"alt": title}})
    nbformat.write(notebook, path)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"  # read by the kernel
    kaleido.start_sync_server()
    for name in sys.argv[1:]:
        store(Path(name))
    kaleido.stop_sync_server()
