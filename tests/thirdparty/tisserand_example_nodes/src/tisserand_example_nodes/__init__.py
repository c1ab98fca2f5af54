"""Two nodes of a third party. They import `tisserand.sdk` only."""
