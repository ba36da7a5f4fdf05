"""Files as vendors write them: one file a layout, how its cells are written and by what it is recognised."""
