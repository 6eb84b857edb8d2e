"""Who may open an association: AE titles, addresses, and how many at once (PS3.8 Table 9-21)."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from typing import Final

from edge_relay.config import RelaySettings
from edge_relay.services.profiles import Profiles
from edge_relay.upper_layer import negotiation
from edge_relay.upper_layer.negotiation import Proposal, Rejection
from shared.scanners.scanner_profile import ScannerProfile


class Admission:
    """Decides on associations, and counts those that are open; used by the event loop's thread only."""

    def __init__(self, settings: RelaySettings, profiles: Profiles) -> None:
        self._settings = settings
        self._profiles: Final = profiles
        self._ourselves: Final = ScannerProfile(ae_title=settings.ae_title)
        self._open: Final[Counter[str]] = Counter()
        self._let_in: Final[dict[str, ScannerProfile]] = {}

    def take_up(self, settings: RelaySettings) -> None:
        """Decide by other settings from now on. Associations that are open stay."""
        self._settings = settings

    def decide(self, proposal: Proposal, address: str) -> Rejection | None:
        """Return why an association is refused, None if it may be opened.

        Unknown callers are refused by default. Our own AE title is taken from this machine only, and always:
        the relay's commands and its self-query use it, and no scanner may use it from elsewhere.
        """
        if proposal.application_context != negotiation.APPLICATION_CONTEXT:
            return negotiation.NO_APPLICATION_CONTEXT
        calling = proposal.calling_ae_title
        profile = self._profiles.get(calling)
        if not self._is_called(proposal.called_ae_title, profile):
            return negotiation.UNKNOWN_CALLED
        if profile is None:
            return None if self._is_ourselves(calling, address) else negotiation.UNKNOWN_CALLING
        if not _may_call_from(profile, address):
            return negotiation.WRONG_ADDRESS
        if self._is_full(profile.ae_title, profile.max_associations):
            return negotiation.LIMIT_REACHED
        self._let_in[profile.ae_title] = profile
        return None

    def title(self, calling: str) -> str:
        """Return a caller's AE title as the configuration has it, whatever its case."""
        profile = self._profiles.get(calling)
        return profile.ae_title if profile else calling

    def _is_called(self, called: str, profile: ScannerProfile | None) -> bool:
        ours = self._settings.ae_title
        any_case = profile is not None and profile.ignore_ae_title_case
        return called == ours or (any_case and called.upper() == ours.upper())

    def _is_full(self, calling: str, most: int) -> bool:
        return self._open[calling] >= most or self._open.total() >= self._settings.max_associations

    def opened(self, calling: str) -> None:
        """Count an association that was opened."""
        self._open[self.title(calling)] += 1

    def closed(self, calling: str) -> None:
        """Count one that has ended."""
        title = self.title(calling)
        self._open[title] -= 1
        if self._open[title] <= 0:
            del self._open[title]
            self._let_in.pop(title, None)

    def profile(self, calling: str) -> ScannerProfile:
        """Return the profile of an accepted caller; for the relay itself, the defaults.

        A scanner that was taken out of the configuration keeps what it had until its association ends.
        """
        return self._profiles.get(calling) or self._let_in.get(calling) or self._ourselves

    def is_ourselves(self, calling: str) -> bool:
        """Tell whether an accepted caller bears the relay's own AE title, and no scanner does."""
        own = calling == self._settings.ae_title  # asked of every query, and true of none of a scanner's
        return own and not any(each.ae_title == calling for each in self._profiles.all())

    def charset(self, calling: str) -> tuple[str, ...]:
        """Return the character set of the answers a caller gets."""
        return self.profile(calling).charset or self._settings.charset

    def _is_ourselves(self, calling: str, address: str) -> bool:
        return calling == self._settings.ae_title and ip_address(address.partition("%")[0]).is_loopback


def _may_call_from(profile: ScannerProfile, address: str) -> bool:
    caller = ip_address(address.partition("%")[0])
    mapped = getattr(caller, "ipv4_mapped", None)  # an IPv4 caller on an IPv6 socket
    return not profile.addresses or any((mapped or caller) in network for network in profile.addresses)
