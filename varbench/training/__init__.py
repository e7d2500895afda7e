"""Training: recipes, designs, one pure run, and the engine that trains many."""
