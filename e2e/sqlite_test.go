package e2e_test

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/scpfs/scpfs/scpio/scptest"
)

// TestSqlite: a database in each journal mode, used by two programs at a time,
// is whole on the host.
func TestSqlite(t *testing.T) {
	scptest.Need(t, "sqlite3")
	m := mountAt(t, scptest.Start(t), mountOptions{})
	for _, mode := range []string{"delete", "truncate", "persist", "wal"} {
		t.Run(mode, func(t *testing.T) {
			db := m.path(mode + ".db")
			got := sqlite(t, db, "PRAGMA journal_mode="+mode+"; CREATE TABLE t(who, n, data);")
			if strings.TrimSpace(got) != mode {
				t.Fatalf("journal mode %q, want %q", got, mode)
			}
			var both sync.WaitGroup
			for who := range 2 {
				both.Go(func() { sqlite(t, db, transactions(who)) })
			}
			both.Wait()
			sqlite(t, db, "PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM t WHERE n % 5 = 0; VACUUM;")
			for _, at := range []string{db, m.there(mode + ".db")} {
				got := sqlite(t, at, "PRAGMA integrity_check; SELECT count(*), sum(n), sum(length(data)) FROM t;")
				if want := "ok\n64|1280|192000\n"; got != want {
					t.Errorf("%s: got %q, want %q", at, got, want)
				}
			}
		})
	}
}

// transactions are four of ten rows each, with one that is taken back between.
func transactions(who int) string {
	var b strings.Builder
	for i := range 4 {
		fmt.Fprintf(&b, "BEGIN IMMEDIATE;")
		for n := range 10 {
			fmt.Fprintf(&b, "INSERT INTO t VALUES(%d, %d, randomblob(3000));", who, i*10+n)
		}
		b.WriteString("COMMIT; BEGIN IMMEDIATE; DELETE FROM t; ROLLBACK;\n")
	}
	return b.String()
}

func sqlite(t testing.TB, db, script string) string {
	t.Helper()
	cmd := exec.Command("sqlite3", "-batch", "-bail", "-cmd", ".timeout 30000", db)
	cmd.Stdin = strings.NewReader(script)
	out, err := combined(cmd)
	if err != nil {
		t.Errorf("sqlite3 %s: %v\n%s", db, err, out)
	}
	return out
}
