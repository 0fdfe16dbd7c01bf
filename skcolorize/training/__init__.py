"""How a network learns: cached photos, crops of them, the loop, its checkpoint. Knows no estimator."""
