"""From a REDCap row to a worklist item, or the reason why not. Pure."""
