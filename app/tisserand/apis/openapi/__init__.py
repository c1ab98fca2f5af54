"""OpenAPI documents: lifted to 3.1, generated, checked, compared."""
