"""Several exchanges side by side: decision instants, alignment, merging and settlement."""
