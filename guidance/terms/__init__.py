"""Terms: what a picture shall be like, as energies to lower and regions to hold."""
