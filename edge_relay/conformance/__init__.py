"""The DICOM Conformance Statement (PS3.2 Annex N) and the IHE Integration Statement, from the code's tables.

    subject.py          what is described: the program as it is delivered, or one relay's settings
    markdown.py         tables and text
    sources.py          which field of an item an attribute is read from
    statement.py        sections 1 to 4, and everything put together
    worklist.py         section 5.2.1: Modality Worklist
    procedure_step.py   section 5.2.2: Modality Performed Procedure Step
    images.py           section 5.2.4: what archives are asked
    choices.py          section 5.2.3: where the standard leaves room, and what dcm4che does there
    text_encoding.py    section 5.7: Specific Character Set
    configuration.py    section 6
    network.py          section 7.1 and 7.2: associations
    statuses.py         section 7.3: every status, and when it is answered
    security.py         section 8
    annexes.py          Annexes A.A to A.E
    ihe.py              the IHE Integration Statement

`mwl-relay conformance` is `edge_relay.commands.conformance`. Nothing here is used while a relay runs.
`python -m edge_relay.conformance docs` writes both into docs/.
"""
