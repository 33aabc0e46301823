"""Where a CONDITIONING carries the words that it stands for."""

# Name of the `TokenTable` among the options of an entry; never changed, as packs save these.
TABLE_KEY = "self_guidance"
