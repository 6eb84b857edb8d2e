"""Who may do what: tokens, passwords, and how often a password may be tried."""
