"""Scanners: their profiles, and which exams are a scanner's own. Pure."""
