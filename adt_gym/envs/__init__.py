"""The environments: ADT-v0 (thresholding.py) and its native vector environment (vector.py)."""
