"""Lets ``python -m quantdl`` do what ``quantdl`` does."""

from quantdl.cli import main

if __name__ == "__main__":
    main()
