"""The commands of the software HSM, one class for each family; `posterm.hsm.soft_hsm` puts them together."""
