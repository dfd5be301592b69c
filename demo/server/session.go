package main

import (
	"encoding/binary"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// outputPatience is how long output is passed on that a command's children still hold open.
const outputPatience = 10 * time.Second

var signals = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM,
}

// serveSession runs one command. It is killed when the channel ends before it does.
func (s *server) serveSession(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	var running sync.WaitGroup
	defer running.Wait()
	var cmd *exec.Cmd
	ended := make(chan struct{})
	for r := range requests {
		switch r.Type {
		case "env":
			r.Reply(true, nil) // taken and ignored, as an sshd may
		case "exec":
			line, ok := cutString(r.Payload)
			if !ok || cmd != nil {
				r.Reply(false, nil)
				continue
			}
			started, in, err := s.start(line, channel)
			r.Reply(err == nil, nil)
			if err != nil {
				return
			}
			cmd = started
			running.Go(func() { finish(cmd, in, channel); close(ended) })
		case "signal":
			if name, ok := cutString(r.Payload); ok && cmd != nil {
				kill(cmd, signals[name], ended)
			}
		default:
			r.Reply(false, nil)
		}
	}
	if cmd != nil {
		kill(cmd, syscall.SIGKILL, ended)
	}
}

// cutString takes a string of RFC 4251 from a request: a length and so many bytes.
func cutString(payload []byte) (string, bool) {
	if len(payload) < 4 || uint64(binary.BigEndian.Uint32(payload)) != uint64(len(payload)-4) {
		return "", false
	}
	return string(payload[4:]), true
}

// start starts a command line in a process group of its own.
func (s *server) start(line string, channel ssh.Channel) (*exec.Cmd, io.WriteCloser, error) {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = s.home, s.env
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = outputPatience
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, in, cmd.Start()
}

// kill signals the command and all its children, unless it has ended: its number may be
// somebody else's by then. Signal 0, of an unknown name, does nothing.
func kill(cmd *exec.Cmd, signal syscall.Signal, ended <-chan struct{}) {
	select {
	case <-ended:
	default:
		syscall.Kill(-cmd.Process.Pid, signal)
	}
}

// finish feeds the command and reports how it ended.
func finish(cmd *exec.Cmd, in io.WriteCloser, channel ssh.Channel) {
	go func() {
		io.Copy(in, channel) // ends with the channel at the latest
		in.Close()
	}()
	cmd.Wait()
	status := uint32(max(0, cmd.ProcessState.ExitCode()))
	if state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && state.Signaled() {
		status = 128 + uint32(state.Signal())
	}
	channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, status))
	channel.Close()
}
