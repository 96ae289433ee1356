"""Training recipe for the portrait animation networks: data, networks, losses, evaluation, export."""
