"""The words of a prompt, from ComfyUI's own tokenizers and embeddings."""
