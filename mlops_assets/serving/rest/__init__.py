"""REST by FastAPI: routes of the platform and of domains, one form of errors, and an OpenAPI description by contracts."""
