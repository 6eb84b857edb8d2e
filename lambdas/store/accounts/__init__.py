"""AccountsTable: people, relays, and the secrets of data entry triggers."""
