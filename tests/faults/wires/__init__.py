"""Relay and cloud on two machines of their own, with a bad wire, a lying name server, and opened TLS.

wire         two network namespaces, and what happens to packets between them
name_server  a DNS server that can be made to lie
part         this part of ``make faults``
"""
