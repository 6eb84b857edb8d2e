"""What the pages say: sentences, times and states, made of what is stored. Nothing is read or written."""
