"""Where a CONDITIONING carries its token table."""

# Key of the `TokenTable` in the dictionary of an entry; never changed, as other packs save it.
TABLE_KEY = "self_guidance"
