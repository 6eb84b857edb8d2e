"""The OpenAPI document, made fit for people who read it and for programs that make clients of it."""
