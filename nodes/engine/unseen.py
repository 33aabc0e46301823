"""What a run says of model calls whose attention it could not read."""

NOTHING_SEEN = (
    "guidance saw no attention of the positive prompt in this step, although it takes part: switch "
    "off patches that skip parts of the model or replace the sampling of the conditionings, if "
    "there are any among {}"
)
PARTLY_SEEN = (
    "Self-Guidance: the record shows %d of %d steps; as a reference it knows nothing of the others,"
    " in which %s"
)
UNNAMED = "no positive prompt came from a Self-Guidance Prompt or Add Words node"
SKIPPED = "another node skipped the model, or showed it the latent in parts"
IN_PARTS = (
    "guidance reads the whole latent at once, but context windows show the model parts of it: take "
    "the Context Windows node off this model, or make its context_length at least the latent's size"
)
