"""posterm: a POS terminal emulator and payment transaction engine."""
