"""The exchange with the cloud: pull, push, heartbeat, and the HTTPS client they use."""
