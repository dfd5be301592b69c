package mount

// Apart is apart, for a test that kills a process in the middle of it.
var Apart = apart
