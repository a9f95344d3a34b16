"""ADT-Samples-v0 in one room: samples, the environment and its vector form, and the evaluation."""
