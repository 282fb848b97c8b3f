"""The analyses of ``netsim analyse``: each module defines the table and the figure of an analysis."""
