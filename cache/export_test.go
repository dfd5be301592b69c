package cache

// IsAway tells whether the backlog has found that the host is away.
func (c *Cache) IsAway() bool { return c.backlog.isAway() }

// Retry stores again what could not be stored.
func (c *Cache) Retry() { c.retryAll() }

// Save writes down what is known of the host.
func (c *Cache) Save() { c.save() }
