package fsops

import "strings"

// kind is what there is to know of an operation's kind.
type kind struct {
	weight int      // how often it is drawn
	shows  []string // the fields that count
	do     func(*Executor, Op) string
}

// Remount is not done by an Executor but by who owns the mount: everything
// is closed, the file system is unmounted and mounted again.
const Remount Kind = "remount"

// kinds are all operations.
var kinds map[Kind]kind

func init() {
	kinds = map[Kind]kind{
		"open":      {22, args("slot path open mode"), (*Executor).open},
		"create":    {8, args("slot path open mode"), (*Executor).open},
		"tmpfile":   {2, args("slot path open mode"), (*Executor).tmpfile},
		"close":     {12, args("slot"), (*Executor).close},
		"dup":       {2, args("slot slot2"), (*Executor).dup},
		"read":      {5, args("slot len"), (*Executor).read},
		"pread":     {5, args("slot off len"), (*Executor).pread},
		"write":     {9, args("slot len"), (*Executor).write},
		"pwrite":    {9, args("slot off len"), (*Executor).pwrite},
		"lseek":     {3, args("slot off flags"), (*Executor).lseek},
		"seekdata":  {3, args("slot off flags"), (*Executor).seekData},
		"ftruncate": {4, args("slot len"), (*Executor).ftruncate},
		"fsync":     {4, args("slot flags"), (*Executor).fsync},
		"fallocate": {4, args("slot flags off len"), (*Executor).fallocate},
		"copyrange": {4, args("slot off slot2 to len"), (*Executor).copyRange},
		"fstat":     {6, args("slot"), (*Executor).fstat},
		"fchmod":    {2, args("slot mode"), (*Executor).fchmod},
		"futimens":  {2, args("slot time"), (*Executor).futimens},
		"lock":      {4, args("slot flags off len"), (*Executor).lock},

		"map":      {4, args("slot slot2 off len"), (*Executor).mmap},
		"mapwrite": {5, args("slot off len"), (*Executor).mapWrite},
		"mapsave":  {3, args("slot off len"), (*Executor).mapSave},
		"mapread":  {3, args("slot off len"), (*Executor).mapRead},
		"msync":    {2, args("slot"), (*Executor).msync},
		"unmap":    {4, args("slot"), (*Executor).unmap},

		"truncate": {4, args("path len"), (*Executor).truncate},
		"rename":   {14, args("path path2 flags"), (*Executor).rename},
		"link":     {6, args("path path2"), (*Executor).link},
		"linkfd":   {2, args("slot path"), (*Executor).linkFd},
		"symlink":  {4, args("path path2"), (*Executor).symlink},
		"readlink": {2, args("path"), (*Executor).readlink},
		"unlink":   {10, args("path"), (*Executor).unlink},
		"mkdir":    {6, args("path mode"), (*Executor).mkdir},
		"rmdir":    {4, args("path"), (*Executor).rmdir},
		"mkfifo":   {1, args("path mode"), (*Executor).mkfifo},
		"chmod":    {4, args("path mode"), (*Executor).chmod},
		"chown":    {2, args("path flags"), (*Executor).chown},
		"utimens":  {4, args("path flags time"), (*Executor).utimens},
		"stat":     {8, args("path"), (*Executor).stat},
		"lstat":    {8, args("path"), (*Executor).lstat},
		"access":   {2, args("path flags"), (*Executor).access},
		"readdir":  {6, args("path"), (*Executor).readdir},
		"cat":      {6, args("path"), (*Executor).cat},
		"statfs":   {1, args("path"), (*Executor).statfs},
		"tree":     {1, nil, (*Executor).tree},
		Remount:    {0, nil, (*Executor).closeAll},
	}
}

func args(s string) []string { return strings.Fields(s) }
