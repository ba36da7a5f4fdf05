"""What every block of a config is."""

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """Frozen, without unknown keys, and with nothing coerced: neither text to numbers nor numbers to flags."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())
