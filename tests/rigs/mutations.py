"""Bytes as somebody sends them who means no good, or whose memory is broken."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st


@st.composite
def mutations(draw: st.DrawFn, sent: Sequence[bytes], *, longest: int) -> bytes:
    """Return one of these messages with some bytes changed, perhaps cut off, perhaps with more behind it.

    :param longest: no message is much longer; places are chosen below it.
    """
    raw = bytearray(draw(st.sampled_from(sent)))
    for at, value in draw(st.lists(st.tuples(st.integers(0, longest), st.integers(0, 255)), max_size=5)):
        raw[at % len(raw)] = value
    end = draw(st.integers(0, longest))
    return bytes(raw[: end if end < len(raw) else None]) + draw(st.binary(max_size=30))
