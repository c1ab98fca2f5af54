"""Amazon API Gateway, REST APIs (v1): each version of an API is one of them, usage plans and keys say who may call how often."""
