"""One outside system each. An adapter is given an open connection and never commits."""
