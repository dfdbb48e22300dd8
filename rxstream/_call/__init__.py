"""One call of a client, made to call back: on a loop, on a thread, or in virtual time."""
