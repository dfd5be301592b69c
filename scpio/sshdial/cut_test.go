package sshdial_test

import (
	"errors"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
	"github.com/scpfs/scpfs/scpio/sshdial"
)

// TestCutWhileLoggingIn cuts the connection at many bytes of a login. That is
// never taken for a refusal, which would be a reason not to try again.
func TestCutWhileLoggingIn(t *testing.T) {
	srv := scptest.Start(t)
	for _, way := range []scptest.Direction{scptest.Up, scptest.Down} {
		link := scptest.NewLink(t, srv.Addr, scptest.LinkOptions{})
		d := newDialer(t, scptest.Alias, sshdial.Options{ConfigFile: srv.Via(t, link).ConfigFile})
		bytes := link.BytesUp
		if way == scptest.Down {
			bytes = link.BytesDown
		}
		before := bytes()
		login(t, d).Close()
		all := bytes() - before
		for n := int64(1); n < all; n += all / 25 {
			link.CutAfter(n, way)
			client, err := d.Dial(t.Context())
			if err == nil {
				client.Close()
				break // the login itself takes fewer bytes
			}
			if refusal, ok := errors.AsType[*sshdial.AuthError](err); ok {
				t.Errorf("cut after %d bytes of direction %d: %v", n, way, refusal)
			}
		}
	}
}
