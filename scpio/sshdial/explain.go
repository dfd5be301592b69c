package sshdial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// isLost tells a connection that ended from one that failed otherwise.
func isLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// explain words an error for a person.
func (d *Dialer) explain(err error) *Error {
	return &Error{Host: d.host, Text: d.sentence(err), Err: err}
}

func (d *Dialer) sentence(err error) string {
	for _, word := range []func(error) string{d.loginTrouble, d.proxyTrouble, d.networkTrouble} {
		if text := word(err); text != "" {
			return text
		}
	}
	return Sanitize(strings.TrimPrefix(err.Error(), "ssh: handshake failed: "))
}

// loginTrouble is what comes with a sentence of its own.
func (d *Dialer) loginTrouble(err error) string {
	if jump, ok := errors.AsType[*jumpError](err); ok {
		return jump.Error()
	}
	if key, ok := errors.AsType[*HostKeyError](err); ok {
		return key.Error()
	}
	if auth, ok := errors.AsType[*AuthError](err); ok {
		return auth.Error()
	}
	if none, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		return fmt.Sprintf("the server offers no %s that this program knows (it has %s)",
			Sanitize(none.What), Sanitize(strings.Join(none.RequestedAlgorithms, ", ")))
	}
	return ""
}

func (d *Dialer) proxyTrouble(err error) string {
	if proxy, ok := errors.AsType[*proxyError](err); ok {
		return proxy.Error()
	}
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		return fmt.Sprintf("jump host %s cannot reach %s: %s", d.jump.host, d.addr(), Sanitize(refused.Message))
	}
	return ""
}

func (d *Dialer) networkTrouble(err error) string {
	if timeout, ok := errors.AsType[*timeoutError](err); ok {
		return fmt.Sprintf("no answer from %s within %v: check the network, or raise -o ConnectTimeout", d.addr(), timeout.after)
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("the host name %s cannot be resolved (%s): check its spelling and the network", d.config.HostName, name.Err)
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrInterrupted):
		return "interrupted while connecting"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "no answer from " + d.addr() + ": check the network"
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("connection refused by %s: is an SSH server running there, on this port?", d.addr())
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to " + d.addr() + ": check the network"
	case isLost(err):
		return "the server closed the connection during the handshake: it may be overloaded or refuse this address, see its log"
	}
	return ""
}
