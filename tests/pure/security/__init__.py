"""What a caller may send to do harm, over all routes: it is answered by the contract, and reaches nothing else."""
