"""Migrations of PostgreSQL, and its comparison with the assignments table in DynamoDB."""
