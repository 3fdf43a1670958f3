"""Files for elsewhere: formats, graphs, 8 bits, readers, receipts."""
