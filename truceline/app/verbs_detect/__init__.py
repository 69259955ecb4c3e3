"""The kinds of ``truceline detect``: one module per kind, with the protocol of a verb."""
