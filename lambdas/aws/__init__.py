"""Thin adapters over botocore and Powertools: queues, their messages, secrets."""
