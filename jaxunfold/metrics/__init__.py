"""Numbers that say how good an unfolding is: distances, calibration, two-sample tests, masses, balance."""
