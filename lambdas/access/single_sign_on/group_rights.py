"""What a person may do here, by the groups that the OpenID provider tells of. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lambdas.access.role import Role
from shared.worklist_item import SiteName


class GroupRights(BaseModel):
    """What the members of one group may do.

    :param group: as the provider writes it: a name, a path or an id.
    :param sites: the sites they may see; none: all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Annotated[str, Field(min_length=1, max_length=512)]
    role: Role
    sites: tuple[SiteName, ...] = ()

    @model_validator(mode="after")
    def _admins_see_all(self) -> Self:
        if self.sites and self.role is Role.ADMIN:
            raise ValueError("sites: cannot be named for admins, who see all")
        return self


class Rights(NamedTuple):
    """What one person may do; no site named: all."""

    role: Role
    sites: tuple[str, ...] = ()


def rights_of(groups: Collection[str], table: Iterable[GroupRights]) -> Rights | None:
    """Return what a member of ``groups`` may do, None for nothing.

    The highest role counts, at the sites of the groups that give it: a group that only reads elsewhere must
    not widen where another one writes.
    """
    found = [each for each in table if each.group in groups]
    if not found:
        return None
    role = next(role for role in Role if any(each.role is role for each in found))
    giving = [each.sites for each in found if each.role is role]
    sites = sorted({site for each in giving for site in each})
    return Rights(role, () if () in giving else tuple(sites))
