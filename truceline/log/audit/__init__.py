"""The auditor: checks logs and packages from the format alone and trusts no writer."""
