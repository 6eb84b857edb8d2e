"""Making an item once, however often the request comes (the header Idempotency-Key).

The key is claimed first, with the id that the item will have; so a request that ended between the two makes
the same item when it comes again.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.api.schemas.items import NewItem
from lambdas.api.services import Services
from lambdas.store.audit.entry import Actor
from lambdas.store.ownership import StoredItem
from shared.errors import AlreadyExists, NotFound
from shared.worklist_item import WorklistItem


@dataclass(frozen=True)
class Once:
    """A request with a key.

    :param item_id: the item it makes, or has made.
    """

    item_id: str

    @classmethod
    def of(cls, services: Services, by: Actor, key: str, body: NewItem) -> Once | None:
        """Return the request that a key names; None if there is no key.

        :raises Rejected: the key was used for another body.
        """
        if not key:
            return None
        return cls(services.idempotency.claim(by.name, key, body.model_dump_json(exclude_unset=True)))

    def made(self, services: Services) -> StoredItem | None:
        """Return the item that was made, None if none was yet.

        :raises NotFound: it was made, and removed since.
        """
        found = services.worklist.find(self.item_id, gone=True)
        if found is not None and found.gone:
            raise NotFound("the item was made, and removed since", where="Idempotency-Key")
        return found

    def create(self, services: Services, item: WorklistItem, by: Actor) -> StoredItem:
        """Make the item, or return the one that the same request makes at this moment."""
        try:
            return services.worklist.create(item, by=by)
        except AlreadyExists:
            found = self.made(services)
            if found is None:
                raise
            return found
