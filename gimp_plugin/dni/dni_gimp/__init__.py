"""The parts of the DNI plug-in: standard library and gi only, for GIMP's own Python."""
