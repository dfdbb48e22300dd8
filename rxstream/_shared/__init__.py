"""State that is shared, and the one policy for it.

Gates, timers, worker threads and connections are shared by many waits. Each meets five others
besides its own code:

- *Another thread* waits for a lock that is held for moments only. No lock is held while code of a
  user runs, or while something is subscribed to.
- *A signal handler or a finaliser* runs between any two lines, perhaps in the thread that holds the
  lock. Disposing a wait, setting the event of `cancel_on` and waking a wait are safe there. A
  `lock tells whether its own thread was interrupted, and the action is posted instead of run.
- *Another event loop* may end at any moment. What it owed to others is given back.
- *A forked child* has none of its parent's threads. It starts afresh: locks, gates, timers and
  workers are new, and the parent's connections are dropped without a word to the server.
- *An exception* ends the wait in which it is raised, and gives back what that wait held.
"""
