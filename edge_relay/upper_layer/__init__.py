"""The DICOM upper layer as an acceptor: sockets in, DIMSE requests out. Knows nothing of worklists.

    pdu.py           bytes into PDUs and PDVs, and back                      PS3.8 section 9.3, pure
    states.py        what a PDU does in which state                          PS3.8 Table 9-10, pure
    negotiation.py   an A-ASSOCIATE-RQ into what was agreed                  PS3.8 section 7.1, pure
    command.py       command sets: requests read, responses written          PS3.7 section 6.3, pure
    message.py       PDVs into requests, bounded                             PS3.8 Annex E, pure
    operation.py     one request being answered
    application.py   what the upper layer asks of who answers, and the bounds of a connection
    association.py   one connection: state, deadlines, back-pressure, operations
    listener.py      ports, connection limits, TLS, the event loop's thread, the end

One thread serves all associations from an event loop: no connection, however slow or hostile, has a thread
to hold. Why not pynetdicom's own server: docs/adr/004-own-acceptor.md.
"""
