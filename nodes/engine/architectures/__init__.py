"""One file a kind of network: where its attention is read and how its blocks are reached."""
