"""Who asks when and for how much: arrivals, sizes, recorded traffic."""
