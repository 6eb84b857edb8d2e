"""Addresses are named as people write them, whatever socket a peer came by."""

from __future__ import annotations

import pytest

from edge_relay.upper_layer.application import address_of


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("10.1.2.3", 104), "10.1.2.3"),
        (("::ffff:10.1.2.3", 104, 0, 0), "10.1.2.3"),
        (("::1", 104, 0, 0), "::1"),
        (("fe80::1%eth0", 104, 0, 2), "fe80::1%eth0"),
        (("2001:db8::ffff:1", 104, 0, 0), "2001:db8::ffff:1"),
        (("::ffff:abcd", 104, 0, 0), "::ffff:abcd"),
        (("?",), "?"),
    ],
)
def test_an_ipv4_address_is_written_as_one(peer: tuple[object, ...], address: str) -> None:
    assert address_of(peer) == address
