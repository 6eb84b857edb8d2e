"""Write-back: puts a scan's status and times into REDCap."""
