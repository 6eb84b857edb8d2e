"""Secrets that commands read and change in AWS Secrets Manager."""
