"""What becomes of single scans: those whose day passed, and those whose row has another name now."""
