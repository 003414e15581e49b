"""Event generation, subtraction, integration and images: the scripts of benchmarks/generation.md, one a section."""
