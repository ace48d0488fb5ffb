"""What pages show, as values made from what the store knows. Pure."""
