package control

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Name is a name of the host. In JSON it is a string, or {"bytes": BASE64} if
// it is not UTF-8, so that it comes back as it was.
type Name string

type rawName struct {
	Bytes []byte `json:"bytes"`
}

// MarshalJSON implements [json.Marshaler].
func (n Name) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(n)) {
		return json.Marshal(string(n))
	}
	return json.Marshal(rawName{[]byte(n)})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Name) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*n = Name(text)
		return nil
	}
	var raw rawName
	if err := json.Unmarshal(b, &raw); err != nil {
		return errors.New("a name is neither a string nor bytes")
	}
	*n = Name(raw.Bytes)
	return nil
}

// Printable is text as a terminal may be given it: with quotes and escapes if
// it has characters that move the cursor, cannot be seen, or are no characters.
func Printable(s string) string {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
