package sshdial

import (
	"context"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// connect makes the connection that carries SSH: through the jump host, by a
// command, or directly.
func (d *Dialer) connect(g *guard, jump *ssh.Client) (net.Conn, error) {
	switch {
	case jump != nil:
		return throughJump(g, jump, d.addr())
	case d.config.ProxyCommand != "":
		return startProxy(d.config.ProxyCommand, d.options.Dir, d.log)
	}
	return d.connectTCP(g.ctx)
}

// connectTCP leaves TCP's own keep-alive on, as it is by default.
func (d *Dialer) connectTCP(ctx context.Context) (net.Conn, error) {
	network := map[string]string{"inet": "tcp4", "inet6": "tcp6"}[d.config.AddressFamily]
	if network == "" {
		network = "tcp"
	}
	var dialer net.Dialer
	if d.config.BindAddress != "" {
		local, err := net.ResolveTCPAddr(network, net.JoinHostPort(d.config.BindAddress, "0"))
		if err != nil {
			return nil, err
		}
		dialer.LocalAddr = local
	}
	return dialer.DialContext(ctx, network, d.addr())
}

// throughJump opens a channel of the jump host's connection. The clients of
// jump hosts are not shared, so closing the channel closes the connection: it
// frees a writer that waits for a jump host gone silent, too.
func throughJump(g *guard, jump *ssh.Client, addr string) (net.Conn, error) {
	release := g.protect(jump)
	conn, err := jump.DialContext(g.ctx, "tcp", addr)
	if !release() {
		return nil, context.Cause(g.ctx)
	}
	if err != nil {
		jump.Close()
		return nil, err
	}
	return &jumpConn{Conn: conn, jump: jump}, nil
}

type jumpConn struct {
	net.Conn
	jump *ssh.Client
	once sync.Once
}

func (c *jumpConn) Close() (err error) {
	c.once.Do(func() { err = c.jump.Close() })
	return err
}
