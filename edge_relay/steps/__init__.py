"""MPPS: what scanners report, checked, linked, and journaled before it is answered."""
