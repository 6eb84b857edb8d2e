"""The relay's own DICOM client."""
