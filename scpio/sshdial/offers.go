package sshdial

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// offers collects the keys in the order in which ssh(1) tries them: those of
// the agent that the configuration names, the agent's others, then files that
// the agent does not hold. Servers count each refused key, hence the order.
func (l *login) offers() []*offer {
	files := l.dialer.keyFiles(l.note)
	held := l.fromAgent()
	listed := func(o *offer) bool {
		return slices.ContainsFunc(files, func(k *keyFile) bool { return k.has(o.public) })
	}
	var named, others []*offer
	for _, o := range held {
		switch {
		case listed(o):
			named = append(named, o)
		case !l.dialer.config.IdentitiesOnly:
			others = append(others, o)
		}
	}
	all := slices.Concat(named, others)
	for _, k := range files {
		if !slices.ContainsFunc(held, func(o *offer) bool { return k.has(o.public) }) {
			all = append(all, l.fromFile(k)...)
		}
	}
	return certified(all, l.dialer.certificates(l.note))
}

func (k *keyFile) has(key ssh.PublicKey) bool {
	return k.public != nil && sameKey(plain(k.public), plain(key))
}

// fromFile opens the file at once only if nothing tells its public key.
func (l *login) fromFile(k *keyFile) []*offer {
	unlock := func() (ssh.Signer, error) {
		l.guard.pause() // deriving a key from a passphrase is slow on purpose
		defer l.guard.resume()
		return k.unlock(func(question string) (string, error) { return l.prompt(question, false) }, l.tries())
	}
	public := k.public
	if public == nil {
		signer, err := unlock()
		if err != nil {
			l.signFailed(err)
			return nil
		}
		public = signer.PublicKey()
	}
	return []*offer{{public: public, unlock: unlock, failed: l.signFailed}}
}

// agentTimeout bounds an agent's answer to what asks no person.
const agentTimeout = 10 * time.Second

// fromAgent lists the agent's keys. The connection to it stays open for the
// length of the login.
func (l *login) fromAgent() []*offer {
	path := cmp.Or(l.dialer.config.IdentityAgent, os.Getenv("SSH_AUTH_SOCK"))
	if path == "" || path == "none" {
		return nil
	}
	conn, err := net.DialTimeout("unix", path, agentTimeout)
	if err != nil {
		l.note(fmt.Errorf("the agent cannot be reached: %w", err))
		return nil
	}
	l.keep(conn)
	conn.SetDeadline(time.Now().Add(agentTimeout))
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		l.note(fmt.Errorf("the agent does not list its keys: %w", err))
		return nil
	}
	conn.SetDeadline(time.Time{}) // signing may ask a person
	var all []*offer
	for _, signer := range signers {
		all = append(all, &offer{
			public: signer.PublicKey(),
			unlock: func() (ssh.Signer, error) { return signer, nil },
			failed: l.signFailed,
		})
	}
	return all
}

// keyFiles opens the identities once for all logins of the Dialer.
func (d *Dialer) keyFiles(note func(error)) []*keyFile {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil {
		d.keys = map[string]*keyFile{}
	}
	var all []*keyFile
	for _, path := range d.config.IdentityFile {
		k := d.keys[path]
		if k == nil {
			var err error
			if k, err = openKeyFile(path); err != nil {
				note(err)
			}
		}
		if k != nil {
			d.keys[path] = k
			all = append(all, k)
		}
	}
	return all
}

// certificates are the configured ones and those beside the identities.
func (d *Dialer) certificates(note func(error)) []*ssh.Certificate {
	files := slices.Clone(d.config.CertificateFile)
	for _, path := range d.config.IdentityFile {
		if beside := path + "-cert.pub"; exists(beside) {
			files = append(files, beside)
		}
	}
	return certificates(files, note)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
