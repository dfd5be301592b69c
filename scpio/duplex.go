package scpio

import (
	"bufio"
	"context"
	"io"
)

// duplex is the stream of one role while it runs: both directions, ended when
// the context is.
type duplex struct {
	*Reader
	*Writer
	ctx  context.Context
	stop func()
}

// newDuplex makes every read and write of rw fail once ctx is done. A call that
// waits at that moment is freed by closing rw, if it is an io.Closer.
func newDuplex(ctx context.Context, rw io.ReadWriter) *duplex {
	checked := checkedStream{ctx, rw}
	return &duplex{
		Reader: NewReader(bufio.NewReaderSize(checked, 32<<10)),
		Writer: NewWriter(checked),
		ctx:    ctx,
		stop:   closeOnDone(ctx, rw),
	}
}

// end stops watching the context and words err, which is the context's own
// doing if that is done.
func (d *duplex) end(err error) error {
	d.stop()
	if err != nil && d.ctx.Err() != nil {
		return desync(context.Cause(d.ctx))
	}
	return err
}

// closeOnDone closes rw when ctx is done before stop is called. Once stop has
// returned, rw is left alone.
func closeOnDone(ctx context.Context, rw any) (stop func()) {
	c, ok := rw.(io.Closer)
	if !ok {
		return func() {}
	}
	closed := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(closed)
		c.Close()
	})
	return func() {
		if !cancel() {
			<-closed
		}
	}
}

type checkedStream struct {
	ctx context.Context
	rw  io.ReadWriter
}

func (s checkedStream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.rw.Read(p)
}

func (s checkedStream) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.rw.Write(p)
}
