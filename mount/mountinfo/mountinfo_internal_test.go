package mountinfo

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	line := `36 35 98:0 /sub /mnt/a\040b\134c rw,noatime master:1 shared:2 - fuse.scpfs box:/a\011b rw,user_id=0,group_id=0`
	want := Entry{ID: "36", Dir: `/mnt/a b\c`, Type: "fuse.scpfs", Source: "box:/a\tb", Options: []string{"rw", "user_id=0", "group_id=0"}}
	if got, ok := parse(line); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, bad := range []string{"", "36 35 - x", line[:len(line)/2]} {
		if got, ok := parse(bad); ok {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

func TestRootIsMounted(t *testing.T) {
	if e, ok := On("/"); !ok || e.Type == "" {
		t.Errorf("the root is %+v, %v", e, ok)
	}
}
