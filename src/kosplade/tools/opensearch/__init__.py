"""A client of OpenSearch: texts are encoded here, the server holds `rank_features` and needs no plugin."""
