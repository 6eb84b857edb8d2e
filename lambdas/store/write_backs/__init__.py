"""Write-backs that are due, or that REDCap refused, as rows of the worklist table."""
