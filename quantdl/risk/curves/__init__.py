"""What an equity curve did: every figure of performance, one file a subject, each a number or None with its reason."""
