"""What is remembered of the REDCap servers that are asked."""
