"""Programs that check the repository. None of them is deployed."""
