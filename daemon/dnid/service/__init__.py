"""The daemon and the ways to it (daemon/PROTOCOL.md). Importing any of it loads no torch."""
