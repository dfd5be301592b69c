package main

import (
	"time"
)

// optionGroup is a heading of the help text and what stands below it.
type optionGroup struct {
	title   string
	options []option
}

// accept takes what needs no doing.
func accept(*config, string) error { return nil }

// set makes the application of a word that switches something on.
func set(field func(*config) *bool) func(*config, string) error {
	return func(c *config, _ string) error {
		*field(c) = true
		return nil
	}
}

// store makes the application of a word whose value is parsed into a field.
func store[T any](parse func(string) (T, error), field func(*config) *T) func(*config, string) error {
	return func(c *config, value string) error {
		v, err := parse(value)
		if err == nil {
			*field(c) = v
		}
		return err
	}
}

// kernelTimeout is for the timeouts of the kernel, which are nil unless given.
func kernelTimeout(field func(*config) **time.Duration) func(*config, string) error {
	return func(c *config, value string) error {
		d, err := parseDuration(value)
		if err == nil {
			*field(c) = &d
		}
		return err
	}
}

// requestSize is for the sizes of kernel requests: from a page to the kernel's limit.
func requestSize(field func(*config) *int) func(*config, string) error {
	return store(func(s string) (int, error) { return parseNumber(s, 4096, 1<<20) }, field)
}

// requestCount is for numbers of kernel requests, which has 16 bits for them.
func requestCount(field func(*config) *int) func(*config, string) error {
	return store(func(s string) (int, error) { return parseNumber(s, 1, 65535) }, field)
}

var (
	statTimeout = store(parseDuration, func(c *config) *time.Duration { return &c.Cache.StatTimeout })
	dirTimeout  = store(parseDuration, func(c *config) *time.Duration { return &c.Cache.DirTimeout })
	linkTimeout = store(parseDuration, func(c *config) *time.Duration { return &c.Cache.LinkTimeout })
)

// applyCacheTimeout sets all three; one that is given by itself has to stand behind it.
func applyCacheTimeout(c *config, value string) error {
	d, err := parseDuration(value)
	if err == nil {
		c.Cache.StatTimeout, c.Cache.DirTimeout, c.Cache.LinkTimeout = d, d, d
	}
	return err
}

func applyDirCache(c *config, value string) error {
	word, err := parseWord(value, "yes", "no")
	if err == nil && word == "no" {
		return applyCacheTimeout(c, "0")
	}
	return err
}

func applyPassthrough(c *config, value string) error {
	word, err := parseWord(value, "yes", "no")
	c.Passthrough = word == "yes"
	return err
}

func applyConflict(c *config, value string) (err error) {
	c.Conflict, err = parseWord(value, conflictKeepBoth, conflictLocal, conflictRemote, conflictFail)
	return err
}

func applyIDMap(c *config, value string) (err error) {
	c.IDMap, err = parseWord(value, "none", "user")
	return err
}
