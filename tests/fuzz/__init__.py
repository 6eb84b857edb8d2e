"""Broken input on purpose: the decoders one by one, and a relay process over the wire. ``make fuzz``.

    corpus.py      what real scanners send, as bytes: the seeds
    mutations.py   how it is broken
    decoders.py    each decoder, and what it may answer
    relay.py       a relay process, and what it takes of memory, threads and descriptors
    sessions.py    whole associations, broken, over a real socket
    churn.py       thousands of associations, opened and dropped

Every input follows from a seed and its number: a finding names both, and can be had again.
"""
