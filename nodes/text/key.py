"""Where a CONDITIONING carries its token table."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

# Key of the `TokenTable` in the dictionary of an entry; never changed, as other packs save it.
TABLE_KEY = "self_guidance"
# That of the tokens in `conditioning_llama3`, which HiDream reads beside those of the conditioning.
LLAMA_KEY = "self_guidance_llama3"


def count(tokens: Tensor, options: Mapping[str, Any]) -> int:
    """Number of an entry's tokens: those that its token table describes.

    Args:
        tokens: of the entry, [B, tokens, channels].
        options: of the entry. Anima's model makes of its tokens as many as T5 has of the prompt.
    """
    ids = options.get("t5xxl_ids")
    return tokens.shape[-2] if ids is None else ids.shape[-1]
