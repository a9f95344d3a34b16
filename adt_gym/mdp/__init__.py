"""The thresholding MDP: its states in arrays, its exact solution, and rolling a policy out without stepping."""
