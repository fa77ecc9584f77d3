"""A real OpenSearch on this machine, for tests, benchmarks and a first look: `make opensearch-up`."""
