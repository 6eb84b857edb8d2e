"""How the relay is doing: what is counted, and what is judged from it."""
