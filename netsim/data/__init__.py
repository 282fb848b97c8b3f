"""Stimuli and their labels: data sets and where they lie, recordings of events, and what is presented."""
