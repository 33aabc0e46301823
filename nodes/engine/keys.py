"""Keys of this pack in ComfyUI's model options."""

# Of the wrappers on a MODEL and in the options of a run.
WRAPPER_KEY = "self_guidance"
# Of the `Call` in the options of one model call.
CALL_KEY = "self_guidance_call"
