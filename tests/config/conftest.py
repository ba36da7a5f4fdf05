from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def valid_text() -> str:
    return (FOLDER / "valid.yaml").read_text()


@pytest.fixture
def write_config(tmp_path: Path, valid_text: str) -> Callable[..., Path]:
    """Write valid.yaml beside its strategy, with pieces of text replaced."""

    def write(*replacements: tuple[str, str], text: str = valid_text) -> Path:
        for old, new in replacements:
            assert text.count(old) >= 1, f"not in valid.yaml: {old}"
            text = text.replace(old, new, 1)
        (tmp_path / "strategy.py").write_text((FOLDER / "strategy.py").read_text())
        path = tmp_path / "experiment.yaml"
        path.write_text(text)
        return path

    return write
