"""DynamoDB: the only package that knows its tables, keys and conditions."""
