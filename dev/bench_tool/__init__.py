"""A private Frappe bench for one checkout, made from package registries alone. Standard library only."""
