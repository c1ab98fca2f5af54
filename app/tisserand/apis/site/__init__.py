"""The reference site: static pages of the catalogue for those who call its APIs."""
