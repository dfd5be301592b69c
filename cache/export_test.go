package cache

// IsAway tells whether the backlog has found that the host is away.
func (c *Cache) IsAway() bool { return c.backlog.isAway() }
