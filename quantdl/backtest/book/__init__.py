"""What the plan's terms do to money and shares: orders, fills, costs, exits, corporate actions."""
