"""`make cost`: what the cloud side costs a month, and an hour of a thousand sites, simulated."""
