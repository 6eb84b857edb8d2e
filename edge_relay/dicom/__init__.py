"""DICOM data sets as bytes and as JSON: elements, encoding, character sets (PS3.5, PS3.18 Annex F). Pure."""
