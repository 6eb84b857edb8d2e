"""The DICOM services: who may connect, which handler answers which request, on which ports."""
