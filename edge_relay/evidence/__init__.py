"""Whether images of an exam have arrived at an archive (PACS), for scanners that report nothing."""
