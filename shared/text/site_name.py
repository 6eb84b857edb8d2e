"""What a site may be called: 1 to 64 letters, digits, dots, dashes or underscores. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

SiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
OptionalSiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]
"""Empty where no site is named."""
