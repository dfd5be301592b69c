package main

import (
	"context"
	"sync"

	"github.com/scpfs/scpfs/cache"
	"github.com/scpfs/scpfs/scpio"
)

// watch has the cache told of what others change on the host, until it is
// stopped.
func watch(client *scpio.Client, c *cache.Cache) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		o := scpio.WatchOptions{Dirs: c.InUse}
		_ = client.Watch(ctx, o, func(events []scpio.Event) { c.Heard(ctx, events) })
	})
	return func() {
		cancel()
		watching.Wait()
	}
}
