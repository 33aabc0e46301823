"""What nodes share: sockets and inputs, drawing, files."""
