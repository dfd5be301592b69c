package sshdial

import (
	"time"

	"golang.org/x/crypto/ssh"
)

// startKeepAlive watches a connection until it ends.
func (d *Dialer) startKeepAlive(client *ssh.Client) {
	interval := d.config.ServerAliveInterval
	if interval == 0 {
		interval = d.options.KeepAlive
	}
	if interval == 0 {
		interval = defaultKeepAlive
	}
	if interval < 0 {
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client.Wait()
	}()
	go func() {
		patience := interval * time.Duration(max(1, d.config.ServerAliveCountMax))
		if silent := keepAlive(client, interval, patience, ended); silent {
			d.log.Warn("the server does not answer any more", "host", d.host, "for", interval+patience)
			client.Close()
		}
	}()
}

// keepAlive asks at each interval and returns true when an answer takes longer
// than patience. Requests are answered in turn, so that one at a time does
// for ServerAliveCountMax of them.
func keepAlive(client *ssh.Client, interval, patience time.Duration, ended <-chan struct{}) (silent bool) {
	for {
		if !sleep(interval, ended) {
			return false
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			client.SendRequest("keepalive@openssh.com", true, nil) // a refusal is an answer
		}()
		timer := time.NewTimer(patience)
		select {
		case <-answered:
			timer.Stop()
		case <-ended:
			timer.Stop()
			return false
		case <-timer.C:
			return true
		}
	}
}

// sleep returns false when there is nothing to wait for any more.
func sleep(d time.Duration, ended <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
		return false
	}
}
