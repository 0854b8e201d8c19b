"""The simulator: simpy moves the control plane, a compiled kernel the data plane."""
