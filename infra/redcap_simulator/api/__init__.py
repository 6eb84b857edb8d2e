"""REDCap's API, as it behaves: requests in, answers out."""
