"""Random histories of a study, and an oracle that says what the worklist must show after each.

study       three kinds of project, the definition in its variants, and what people type
oracle      what must be on the list, from what REDCap holds: independent of the product's own mapping
world       REDCap, the tables, and what scanners and people did; what may disturb a sync
actions     everything that can happen
verdict     the table against the oracle
history     a story by its seed, played and cut down to what matters
"""
