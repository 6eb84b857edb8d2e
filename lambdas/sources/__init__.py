"""What a source is: its definition, the definition file and its sections, what is remembered of it. Pure."""
