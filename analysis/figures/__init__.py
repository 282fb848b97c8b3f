"""The figures of ``netsim plot``. Each module defines a figure, and imports heavy modules only when it draws."""
