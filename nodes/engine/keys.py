"""Names under which ComfyUI keeps what is ours while a model samples."""

# Of our wrappers on a MODEL and in the options of a run.
WRAPPER_KEY = "self_guidance"
# Of the `Call` in the options of one model call.
CALL_KEY = "self_guidance_call"
