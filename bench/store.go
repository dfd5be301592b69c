package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// rawName is the file that the table and the charts are made of.
const rawName = "results.json"

// openReport is the report that a run goes on with: the one in the directory,
// or a new one.
func openReport(o options) (*report, error) {
	r := &report{Setting: newSetting(o)}
	if !o.add && !o.resume && !o.render {
		return r, nil
	}
	old, err := load(filepath.Join(o.out, rawName))
	switch {
	case errors.Is(err, os.ErrNotExist) && !o.render:
		return r, nil
	case err != nil:
		return nil, err
	case !o.render && old.Setting != r.Setting:
		return nil, fmt.Errorf("%s in %s was measured differently, and cannot be added to:\n%+v\n%+v is what you ask for",
			rawName, o.out, old.Setting, r.Setting)
	}
	return old, nil
}

func load(path string) (*report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, m := range r.Results {
		if m.Run < 0 || m.Run >= len(r.Runs) {
			return nil, fmt.Errorf("%s: %q of %s belongs to no run", path, m.Row, m.Tool)
		}
	}
	return r, nil
}

// save writes the raw results, so that a run that is cut short can be gone on
// with. There is always a whole file.
func (r *report) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, rawName)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o644); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}

// render writes what people look at.
func (r *report) render(dir string) error {
	errs := []error{os.WriteFile(filepath.Join(dir, "README.md"), []byte(r.page()), 0o644)}
	for _, rtt := range r.rtts() {
		if len(r.compared(rtt)) > 0 {
			errs = append(errs, os.WriteFile(filepath.Join(dir, chartName(rtt)), []byte(r.chart(rtt)), 0o644))
		}
	}
	return errors.Join(errs...)
}
