"""The on-premise daemon: answers scanners over DICOM, exchanges changes with the cloud over HTTPS."""
