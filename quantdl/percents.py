"""Fractions in percent, written alike everywhere: what was stated as it was stated, what was measured in full."""


def stated(fraction: float) -> str:
    """Write a fraction that somebody chose, without decimals it does not need.

    Example:
        >>> stated(0.05), stated(0.125)
        ('5%', '12.5%')
    """
    return f"{100 * fraction:.10g}%"


def measured(fraction: float) -> str:
    """Write a fraction that was measured.

    Example:
        >>> measured(0.05), measured(-0.03716), measured(-0.0)
        ('5.00%', '-3.72%', '0.00%')
    """
    return f"{fraction:z.2%}"
