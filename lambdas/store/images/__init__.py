"""Rows as the tables' streams and exports tell them."""
