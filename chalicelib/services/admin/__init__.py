"""What operators do to a running environment: the command line and the management API call it."""
