package main

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// amount is disk space: so many bytes, or a share of the disk.
type amount struct {
	Bytes   int64
	Percent float64 // of the disk's size; 0: Bytes counts
}

// maxDuration bounds a timeout: a year is for ever.
const maxDuration = 365 * 24 * time.Hour

// parseDuration takes seconds, whole or not, or a Go duration such as 1m30s.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if seconds, numErr := strconv.ParseFloat(s, 64); numErr == nil && !math.IsNaN(seconds) {
		d, err = secondsDuration(seconds), nil
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no time: give seconds, or a number with a unit such as 500ms, 30s, 5m", s)
	}
	if d < 0 || d > maxDuration {
		return 0, fmt.Errorf("%q is out of range: give 0 to %d seconds", s, int64(maxDuration.Seconds()))
	}
	return d, nil
}

// parseDeadline is parseDuration without zero: a wait that ends at once is no wait.
func parseDeadline(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && d == 0 {
		err = errors.New("it has to be more than 0")
	}
	return d, err
}

// secondsDuration converts without the overflow of a float that is too large.
func secondsDuration(seconds float64) time.Duration {
	if math.Abs(seconds) > maxDuration.Seconds() {
		return time.Duration(math.Copysign(float64(maxDuration+time.Hour), seconds))
	}
	return time.Duration(seconds * float64(time.Second))
}

// parseAmount takes bytes with an optional unit K, M, G or T (powers of 1024), or a
// percentage of the disk.
func parseAmount(s string) (amount, error) {
	bad := fmt.Errorf("%q is no size: give bytes, a number with K, M, G or T, or a percentage such as 10%%", s)
	if number, ok := strings.CutSuffix(s, "%"); ok {
		p, err := strconv.ParseFloat(number, 64)
		if err != nil || !(p > 0 && p <= 100) {
			return amount{}, bad
		}
		return amount{Percent: p}, nil
	}
	number, factor := cutUnit(s)
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return amount{}, bad
	}
	return amount{Bytes: n * factor}, nil
}

// parseSize takes bytes with an optional unit.
func parseSize(s string) (int64, error) {
	a, err := parseAmount(s)
	if err == nil && a.Percent > 0 {
		err = fmt.Errorf("%q is no size: give bytes, or a number with K, M, G or T", s)
	}
	return a.Bytes, err
}

// parseCount takes a number of things.
func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, fmt.Errorf("%q is no number of things: give 0 to %d", s, math.MaxInt32)
	}
	return n, nil
}

// cutUnit takes the unit off a size; K, KB and KiB are the same.
func cutUnit(s string) (number string, factor int64) {
	upper := strings.ToUpper(s)
	if trimmed, ok := strings.CutSuffix(upper, "IB"); ok {
		upper = trimmed
	} else if trimmed, ok := strings.CutSuffix(upper, "B"); ok {
		upper = trimmed
	}
	for i, unit := range []string{"K", "M", "G", "T"} {
		if number, ok := strings.CutSuffix(upper, unit); ok {
			return number, 1 << (10 * (i + 1))
		}
	}
	return upper, 1
}

// parseNumber takes a whole number in a range.
func parseNumber(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", s, low, high)
	}
	return n, nil
}

// parseID takes a user or group number. The highest means "unchanged" to chown(2).
func parseID(s string) (*uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == math.MaxUint32 {
		return nil, fmt.Errorf("%q is not a numeric id: see id -u, id -g", s)
	}
	return new(uint32(n)), nil
}

// parseMask takes an octal umask.
func parseMask(s string) (*uint32, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return nil, fmt.Errorf("%q is no umask: give an octal number from 0 to 777", s)
	}
	return new(uint32(n)), nil
}

// parseWord takes one of a few words.
func parseWord(s string, words ...string) (string, error) {
	if slices.Contains(words, s) {
		return s, nil
	}
	return "", fmt.Errorf("%q is none of %s", s, strings.Join(words, ", "))
}

// parsePath takes a path that has to be there in some form.
func parsePath(s string) (string, error) {
	if s == "" {
		return "", errors.New("the path is empty")
	}
	return s, nil
}

// parseDir is parsePath for a directory of this machine. A mount in the background
// is no longer where a relative one leads to it.
func parseDir(s string) (string, error) {
	if _, err := parsePath(s); err != nil {
		return "", err
	}
	return filepath.Abs(s)
}

func (c *config) setPort(s string) error {
	port, err := parseNumber(s, 1, 65535)
	if err != nil {
		return fmt.Errorf("port %w", err)
	}
	c.Port = port
	return nil
}
