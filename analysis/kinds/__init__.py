"""The analyses of spikes that ``netsim analyse`` makes: each module is one, its table and its figure."""
