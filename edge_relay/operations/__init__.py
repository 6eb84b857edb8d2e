"""For those who look after a relay: how it is, shown, counted, told and watched over."""
