"""What is deployed or run around the Lambdas and the relay, and the administration command."""
