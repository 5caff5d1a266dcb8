"""What the engine costs beyond the bare network, and beside other runtimes."""
