"""What is asked: presets, cached stages, the command line, one file per result, benchmarks."""
