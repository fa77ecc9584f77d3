"""A client of OpenSearch: texts are encoded here; plain search needs no plugin of the server."""
