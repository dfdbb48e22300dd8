"""One `get_task`, made to call back: on a loop, on a thread, or in virtual time."""
