"""What `make bench` runs: figures of speed and memory, each as a ratio or against a stated limit. Nothing here is a test."""
