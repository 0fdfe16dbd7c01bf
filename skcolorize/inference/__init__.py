"""From a gray photo to its colours: working size, network, decoding, full-size picture."""
