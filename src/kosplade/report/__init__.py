"""What people look at: result tables, the comparison of recipes, the picture of the README."""
