"""Turns what people have into WebApps and BatchJobs, and accounts for every field that it read.

One module per source. Each reads through `Reader`, which remembers what was taken, and writes through `Draft`, which
takes only what the contract takes. Pure: text in, objects and an account out.
"""
