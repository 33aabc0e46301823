"""The words of a prompt: which tokens belong to which object."""
