"""REDCap's API: the client, one request, one row."""
