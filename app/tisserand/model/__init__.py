"""What a flow is: values and functions, without I/O and without Qt."""
