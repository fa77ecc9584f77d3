"""Korean neural sparse encoders for OpenSearch, trained as a DVC pipeline."""
