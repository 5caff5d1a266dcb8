"""Model packs: what they say of themselves, and how they are found, verified and loaded."""
