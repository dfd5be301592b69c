package main

import (
	"testing"

	"github.com/scpfs/scpfs/scpio/sshdial"
)

// TestHostsDoNotShareACache: one host has one cache, whatever it is called, and two
// that have the same address behind different bastions have two.
func TestHostsDoNotShareACache(t *testing.T) {
	plain := sshdial.Config{User: "u", HostName: "10.0.0.5", Port: 22}
	with := func(change func(*sshdial.Config)) string {
		c := plain
		change(&c)
		return hostID(&c, "/srv")
	}
	ids := map[string]string{}
	for what, id := range map[string]string{
		"plain":         hostID(&plain, "/srv"),
		"another root":  hostID(&plain, "/home"),
		"a user":        with(func(c *sshdial.Config) { c.User = "v" }),
		"a port":        with(func(c *sshdial.Config) { c.Port = 2222 }),
		"a jump":        with(func(c *sshdial.Config) { c.ProxyJump = "a" }),
		"another jump":  with(func(c *sshdial.Config) { c.ProxyJump = "b" }),
		"a command":     with(func(c *sshdial.Config) { c.ProxyCommand = "a" }),
		"an alias":      with(func(c *sshdial.Config) { c.HostKeyAlias = "a" }),
		"another alias": with(func(c *sshdial.Config) { c.HostKeyAlias = "b" }),
	} {
		if other, ok := ids[id]; ok {
			t.Errorf("%s and %s share the cache %s", what, other, id)
		}
		ids[id] = what
	}
	inside := with(func(c *sshdial.Config) { c.HostKeyAlias = "a" })
	outside := with(func(c *sshdial.Config) { c.HostKeyAlias, c.ProxyJump = "a", "bastion" })
	if inside != outside {
		t.Error("one host with an alias has two caches, as there are two ways to it")
	}
}
