"""DICOM values both sides mean alike: legal text, character sets, statuses. Pure."""
