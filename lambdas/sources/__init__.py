"""What a source is: its definition, the definition file and its sections, its state. Pure."""
