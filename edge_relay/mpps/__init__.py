"""MPPS: what scanners report, checked, linked to worklist items, and journaled before it is answered."""
