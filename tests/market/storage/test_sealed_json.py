import pytest

from quantdl.errors import DataError, IntegrityError, RunError
from quantdl.market.card import SilenceRule
from quantdl.market.storage.sealed_json import read_sealed, write_sealed


def test_a_record_comes_back(tmp_path):
    write_sealed(tmp_path / "rule.json", SilenceRule(7))
    assert read_sealed(tmp_path / "rule.json") == {"delisted_after_sessions": 7, "ended": {}}


def test_every_changed_byte_of_record_and_seal_is_found(tmp_path):
    write_sealed(tmp_path / "rule.json", SilenceRule(7))
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        for position in range(len(content)):
            path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
            with pytest.raises(IntegrityError, match="rule.json"):
                read_sealed(tmp_path / "rule.json")
        path.write_bytes(content)


@pytest.mark.parametrize("gone", ["rule.json", "rule.sha256"])
def test_a_missing_file_is_found(tmp_path, gone):
    write_sealed(tmp_path / "rule.json", SilenceRule(7))
    (tmp_path / gone).unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        read_sealed(tmp_path / "rule.json")


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(RunError, match="Check the path"):
        write_sealed(tmp_path / "no folder" / "rule.json", SilenceRule(7))
    with pytest.raises(DataError, match=r"rule\.json: not a finite number at value\."):
        write_sealed(tmp_path / "rule.json", {"value": float("inf")})
