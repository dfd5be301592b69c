package sshdial

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// CheckNames refuses what a program that gets it as an argument, or a shell
// that runs a ProxyCommand, could take for something else (CVE-2023-51385).
// Without a user that of the configuration is meant.
func CheckNames(host, user string) error {
	if host == "" {
		return errors.New("the host name is empty")
	}
	if err := checkName("host", host, " /$\\[]"); err != nil {
		return err
	}
	if err := checkName("user", user, ""); err != nil {
		return err
	}
	// As valid_ruser of OpenSSH's ssh.c; a domain and its backslash go before a name.
	if strings.HasSuffix(user, `\`) || strings.Contains(user, " -") {
		return fmt.Errorf("invalid user %q: it could be more than a name", user)
	}
	return nil
}

func checkName(what, name, bad string) error {
	if strings.HasPrefix(name, "-") {
		return fmt.Errorf("invalid %s %q: it begins with a dash", what, name)
	}
	i := strings.IndexFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || strings.ContainsRune("'`\";&<>|(){}"+bad, r)
	})
	if i >= 0 {
		return fmt.Errorf("invalid %s %q: it has the character %q", what, name, name[i:i+1])
	}
	return nil
}
