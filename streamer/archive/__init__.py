"""Archives: many recordings, long ones in pieces, on all cores of a machine or a cluster by Ray."""
