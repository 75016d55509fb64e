"""The contact kernel: EMV 4.4 from the selection of an application to the last script."""
