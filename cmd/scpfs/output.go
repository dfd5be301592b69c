package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// output is where messages go: to the terminal, and in the background to a
// file beside the cache.
type output struct {
	log *slog.Logger
	w   *switchWriter
}

// newOutput logs warnings, or everything that happens.
func newOutput(everything bool) *output {
	level := slog.LevelWarn
	if everything {
		level = slog.LevelDebug
	}
	w := &switchWriter{w: os.Stderr}
	return &output{slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), w}
}

// maxMessages is the size from which on the file of messages is begun anew.
const maxMessages = 1 << 20

// detach sends what comes from now on to the file "messages" in dir.
func (o *output) detach(dir string) {
	path := filepath.Join(dir, "messages")
	if st, err := os.Stat(path); err == nil && st.Size() > maxMessages {
		os.Remove(path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		o.log.Warn("messages go nowhere from now on", "err", err)
		return
	}
	o.w.set(f)
}

// switchWriter writes to a file that can be exchanged.
type switchWriter struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (s *switchWriter) set(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

func (s *switchWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
