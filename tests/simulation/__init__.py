"""A deterministic, seeded simulation of waits: random histories in virtual time against a model.

`python -m tests.simulation --steps 1000000` runs it by hand, `--seed` replays one seed exactly.

How to read it, from the bottom up:

- `book` collects what was seen: the trace, what is owed at this instant, and each law broken.
- `laws_wait`, `laws_gate` and `laws_batch` are the model. They know only what anybody can see: what
  was subscribed to, what the client was asked, what it answered, what was emitted, and when.
- `worlds` is virtual time, of a scheduler or of a loop; `draws` are the random choices of a seed.
- `limits`, `server` and `client` are the other side: rate limits, answers, and who counts polls.
- `consumers`, `singles`, `batches` and `sources` subscribe, dispose, raise, wake and push.
- `play` puts one seed together and runs it.

A journal gets a model of its own beside `laws_batch`, and its place in `batches`.
"""
