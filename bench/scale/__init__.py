"""Scale on paper: which published limit is met first, simulated and calculated, and what a million jobs cost."""
