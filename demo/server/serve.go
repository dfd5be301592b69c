package main

import (
	"context"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// server accepts connections until its context ends.
type server struct {
	home     string
	env      []string
	config   *ssh.ServerConfig
	listener net.Listener
}

// serve returns when every connection and every command has ended.
func (s *server) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		conns.Go(func() { s.serveConn(ctx, c) })
	}
}

func (s *server) serveConn(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	conn, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		return // the client knows why
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			continue
		}
		sessions.Go(func() { s.serveSession(channel, requests) })
	}
}
