"""The figures that ``netsim plot`` draws: each module is one, all of it, and imports what is heavy when it draws."""
