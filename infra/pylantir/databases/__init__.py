"""The predecessor's databases: its rows, and what becomes of them here."""
