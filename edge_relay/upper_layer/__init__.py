"""The DICOM upper layer as an acceptor: sockets in, DIMSE requests out. Knows nothing of worklists.

    pdu.py           bytes into PDUs and PDVs, and back                      PS3.8 section 9.3, pure
    states.py        what a PDU does in which state                          PS3.8 Table 9-10, pure
    negotiation.py   an A-ASSOCIATE-RQ into what was agreed                  PS3.8 section 7.1, pure
    command.py       command sets: requests read, responses written          PS3.7 section 6.3, pure
    message.py       PDVs into requests, bounded                             PS3.8 Annex E, pure
    operation.py     the answers to one request, and how they are written    pure
    application.py   what the upper layer asks of who answers, what it offers, and the bounds of a connection
    connection.py    one connection: bytes and time in, events and bytes out; state, deadlines, turns    pure
    association.py   the same with a socket, on the event loop
    listener.py      ports, connection limits, TLS, the event loop's thread, the end

    pynetdicom_acceptor.py    the other acceptor: pynetdicom's server and handlers before the same application
    pynetdicom_server.py      its ports, connection limits, TLS, the end
    pynetdicom_requests.py    its requests as ours, our responses as its
    pynetdicom_tuning.py      what we touch of pynetdicom beyond its documented surface

One thread serves all associations from an event loop: no connection, however slow or hostile, has a thread
to hold. Why not pynetdicom's own server, and why it is here all the same: docs/adr/004-own-acceptor.md.
"""
