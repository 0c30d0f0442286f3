"""What every section of the configuration shares."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Strict, since Python counts true as 1.
PositiveInt = Annotated[int, Field(gt=0, strict=True)]
PositiveFloat = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Size3D = tuple[PositiveInt, PositiveInt, PositiveInt]
Spacing3D = tuple[PositiveFloat, PositiveFloat, PositiveFloat]
ImportPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]


class Section(BaseModel):
    """A part of the configuration that refuses keys it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="after")
    def _ranges_rise(self) -> "Section":
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name.endswith("_range") and value[0] > value[1]:
                raise ValueError(f"{name} must be [lowest, highest]; found {list(value)}")
        return self
