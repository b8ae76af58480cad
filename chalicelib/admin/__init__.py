"""The management API: its services, its views, and what they show."""
