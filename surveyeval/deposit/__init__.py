"""What leaves for other programs and for archives: simulated samples with their labels, and estimates."""
