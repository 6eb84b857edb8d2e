"""What people do at REDCap's own screens."""
