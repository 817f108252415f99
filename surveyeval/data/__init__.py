"""Human and simulated rows: samples, codes, sources, weights, splits."""
