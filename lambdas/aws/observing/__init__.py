"""What the functions tell of themselves, without a word about a participant.

metric.py       every figure there is: its name, unit and meaning
metrics.py      writes figures to the log, from where CloudWatch takes them
entry_point.py  what surrounds the work of every handler
"""
