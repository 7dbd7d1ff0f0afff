"""Which detector version scores: promotion, rollback, the shadow beside it, and running agents that follow."""
