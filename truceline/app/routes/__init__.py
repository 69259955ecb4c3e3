"""The routes of the API, each with its roles beside its handler (contract wire, part B)."""
