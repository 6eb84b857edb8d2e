"""The audit trail: who did what to what, in chains that show if an entry is taken out."""
