"""For operators: status page, metrics, logs, watchdog and messages to the service manager."""
