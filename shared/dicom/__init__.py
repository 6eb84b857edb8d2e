"""DICOM values that mean the same on both sides: legal text, character sets, statuses. Pure."""
