"""HTTP: the gate, the route table, the event stream, the page's files, and the server around them."""
