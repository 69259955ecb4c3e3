"""HTTP: the gate, the route table, the event stream, and the page's files."""
