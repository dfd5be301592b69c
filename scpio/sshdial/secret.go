package sshdial

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxRounds bounds how often a server can ask during one login.
const maxRounds = 20

// password is one attempt at the method of that name.
func (l *login) password() ssh.AuthMethod {
	if !l.again("password") {
		return nil
	}
	question := fmt.Sprintf("%s@%s's password: ", l.dialer.config.User, l.dialer.host)
	return ssh.PasswordCallback(func() (string, error) {
		return l.answer("password", question, false)
	})
}

// interactive is one attempt at keyboard-interactive.
func (l *login) interactive() ssh.AuthMethod {
	if !l.again("keyboard-interactive") {
		return nil
	}
	return ssh.KeyboardInteractive(func(name, instruction string, questions []string, echos []bool) ([]string, error) {
		if l.rounds++; l.rounds > maxRounds {
			return nil, errors.New("the server does not stop asking")
		}
		head := heading(name, instruction)
		answers := make([]string, len(questions))
		for i, question := range questions {
			var err error
			question = fmt.Sprintf("%s(%s@%s) %s", head, l.dialer.config.User, l.dialer.host, question)
			if answers[i], err = l.answer("keyboard-interactive", question, echos[i]); err != nil {
				return nil, err
			}
			head = ""
		}
		return answers, nil
	})
}

// heading is what the server says above its questions.
func heading(name, instruction string) string {
	var b strings.Builder
	for _, text := range []string{name, instruction} {
		if text = strings.TrimSpace(text); text != "" {
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

// again counts the attempts at a method. Without anybody to ask and nothing
// remembered there is none.
func (l *login) again(method string) bool {
	n := 0
	for _, tried := range l.tried {
		if tried == method {
			n++
		}
	}
	if n >= l.tries() || l.dialer.prompter() == nil && !l.dialer.remembers(method) {
		return false
	}
	l.tried = append(l.tried, method)
	return true
}

// answer gives the remembered answer the first time a question is put, and
// asks from then on: the server did not like it.
func (l *login) answer(method, question string, echo bool) (string, error) {
	key := method + "\x00" + question
	old, known := l.dialer.secret(key)
	if l.used[key]++; known && l.used[key] == 1 {
		l.answers[key] = old
		return old, nil
	}
	answer, err := l.prompt(question, echo)
	if err == nil && answer == l.answers[key] && l.used[key] > 1 && isFixed(l.dialer.prompter()) {
		err = ErrNoPrompt // it would be the same for ever
	}
	if err != nil {
		l.dead = append(l.dead, method)
		return "", err
	}
	if !echo && asksForPassword(question) {
		l.answers[key] = answer
	}
	return answer, nil
}

func isFixed(p Prompter) bool {
	_, ok := p.(*Password)
	return ok
}

// secret returns what worked before.
func (d *Dialer) secret(key string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, ok := d.secrets[key]
	return value, ok
}

func (d *Dialer) remembers(method string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(slices.Collect(maps.Keys(d.secrets)), func(key string) bool {
		return strings.HasPrefix(key, method+"\x00")
	})
}

// learn keeps the secrets of a login that worked.
func (d *Dialer) learn(answers map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.Copy(d.secrets, answers)
}
