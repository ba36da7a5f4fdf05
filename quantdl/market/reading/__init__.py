"""From files and frames to a panel, without guessing: header, columns, times, rows, and the axis they stand on."""
