"""Thin adapters over boto3 and Powertools: queues, their messages, secrets."""
