package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/options.md anew")

const optionsPage = "../../docs/options.md"

// TestOptionsPage fails when docs/options.md does not say what the table of options says.
func TestOptionsPage(t *testing.T) {
	var page bytes.Buffer
	if err := writeOptionsPage(&page); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(optionsPage, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(optionsPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, page.Bytes()) {
		t.Error("docs/options.md is out of date: make docs")
	}
}

func TestHelpListsTheTable(t *testing.T) {
	var b strings.Builder
	if err := writeHelp(&b); err != nil {
		t.Fatal(err)
	}
	for _, group := range optionTable {
		for _, o := range group.options {
			if !strings.Contains(b.String(), "  "+o.usage()+" ") {
				t.Errorf("no %s", o.usage())
			}
			if o.help == "" {
				t.Errorf("%s: no help", o.name)
			}
		}
	}
	for line := range strings.Lines(b.String()) {
		if len(line) > 110 {
			t.Errorf("too long: %s", line)
		}
	}
}

// TestTableHasNoTwins: a word that stands twice would silently lose one meaning.
func TestTableHasNoTwins(t *testing.T) {
	seen := map[string]bool{}
	count := func(name string) {
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
	}
	for _, group := range optionTable {
		for _, o := range group.options {
			count(o.name)
		}
	}
	for _, o := range unsupported {
		count(o.name)
	}
	for _, list := range [][]string{flagWords, acceptedWords, acceptedValues, sortedKeys(aliases)} {
		for _, name := range list {
			count(name)
		}
	}
	for name, other := range aliases {
		if options[other].apply == nil {
			t.Errorf("%s stands for %s, which does not exist", name, other)
		}
	}
}
