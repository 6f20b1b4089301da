"""The imaginary city behind the `sample` source."""
