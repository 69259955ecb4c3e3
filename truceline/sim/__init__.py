"""A made-up corridor whose sensors write real formats."""
