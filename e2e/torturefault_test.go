package e2e_test

import (
	"fmt"
	"math"
	"time"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// fault is one thing that goes wrong and is over again.
func (l *lane) fault() {
	switch n := l.r.IntN(20); {
	case n == 0:
		l.restart()
	case n < 3:
		l.stall()
	default:
		l.cut()
	}
}

// cut breaks the connection at a byte of either direction, and returns when
// that has happened.
func (l *lane) cut() {
	if l.left.cuts == 0 {
		return
	}
	way := scptest.Direction(l.r.IntN(2))
	most := []float64{scptest.Up: 300 << 10, scptest.Down: 10 << 10}[way]
	n := int64(math.Exp(l.r.Float64() * math.Log(most))) // as often small as large
	l.link.CutAfter(n, way)
	after := l.passed(way) + n
	waitUntil(l.t, "enough bytes went over the link for it to break", func() bool { return l.passed(way) >= after })
	l.did.note(fmt.Sprintf("cut after %d, %d", n, way))
	l.left.cuts--
	l.sum.add(func(f *figures) { f.cuts++ })
}

func (l *lane) passed(way scptest.Direction) int64 {
	if way == scptest.Up {
		return l.link.BytesUp()
	}
	return l.link.BytesDown()
}

// stall delivers nothing for a while, which now and then is longer than
// anybody waits.
func (l *lane) stall() {
	l.link.Stall()
	if l.r.IntN(8) == 0 {
		time.Sleep(tortureTimeout + tortureTimeout/4)
	}
	l.pause(300)
	l.link.Resume()
	l.did.note("stalled")
	l.sum.add(func(f *figures) { f.stalls++ })
}

func (l *lane) restart() {
	l.srv.Stop()
	l.pause(200)
	l.srv.Restart()
	l.did.note("restarted")
	l.sum.add(func(f *figures) { f.restarts++ })
}

// kill ends scpfs by SIGKILL, in some rounds while the link stalls, or just
// after the host has died, and mounts anew. Now and then that is killed as
// well.
func (l *lane) kill() {
	for _, w := range l.writers {
		w.giveUp()
	}
	how := l.r.IntN(4)
	switch how {
	case 0:
		l.srv.Stop()
	case 1:
		l.link.Stall()
		l.pause(30)
	}
	l.killProgram()
	l.did.note("killed")
	l.awaitWriters() // before there is a plain directory in the place of the mount
	l.killed()
	switch how {
	case 0:
		l.srv.Restart()
	case 1:
		l.link.Resume()
	}
	for l.left.kills > 0 && l.r.IntN(4) == 0 {
		l.killEarly()
	}
	l.m.Mount()
	l.did.note("mounted")
}

// killProgram ends the program, which must not wait for anything then.
func (l *lane) killProgram() {
	p := l.m.program
	p.cmd.Process.Kill()
	if !awaitFor(p.done, callLimit/2) {
		l.t.Errorf("killed, and still there; %v\n%s", &l.did, kernelStacks(p.cmd.Process.Pid))
		for _, w := range l.writers {
			l.t.Logf("%s:\n%s", w.name, kernelStacks(w.cmd.Process.Pid))
		}
	}
	p.kill()
}

// killed clears the mount of a program away that was killed.
func (l *lane) killed() {
	l.left.kills--
	l.sum.add(func(f *figures) { f.kills++ })
	if mountLine(l.m.Point) == "" {
		return
	}
	if out, err := l.m.fusermount("-u"); err != nil {
		l.t.Fatalf("clear the dead mount away: %v: %s", err, out)
	}
}

// killEarly kills a program that has just begun to mount, and perhaps to send
// what the last one left.
func (l *lane) killEarly() {
	l.m.program.end(l.t)
	l.m.program = start(l.t, l.m.o, l.m.args()...)
	l.pause(500)
	l.did.note("killing early")
	l.killProgram()
	l.killed()
	l.sum.add(func(f *figures) { f.early++ })
}

func (l *lane) stopWriters() {
	for _, w := range l.writers {
		w.stop()
	}
	l.awaitWriters()
}

func (l *lane) awaitWriters() {
	for _, w := range l.writers {
		w.await()
	}
	l.did.note("writers ended")
}

// unmount unmounts as people do: then all is sent.
func (l *lane) unmount() {
	l.m.Unmount()
	for _, w := range l.writers {
		w.worlds.settle()
	}
	l.did.note("unmounted")
	l.m.Mount()
	l.did.note("mounted")
	l.sum.add(func(f *figures) { f.unmounts++ })
}
