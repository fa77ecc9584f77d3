"""Encode a collection once, into Parquet shards that an index or an evaluation reads.

inputs.py     JSONL (plain, .gz, .zst) and Parquet, in files, folders and URIs, cut into shards of as many lines
shards.py     the shards, what was rejected beside them, the manifest
recipe.py     what decides a vector, and one shard: texts to vectors
running.py    all shards, in this process or by actors of Ray
counting.py   the pieces of the same inputs, for their IDF
"""
