"""What goes over the wire, without I/O: messages, their fields, and failures."""
