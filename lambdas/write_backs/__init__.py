"""What REDCap is told of what a scanner did."""
