package sshdial

import (
	"errors"
	"io"
	"os"

	"golang.org/x/crypto/ssh"
)

// offer is a key that a server is asked about. It is a ssh.AlgorithmSigner that
// finds the private key only when it has to sign.
type offer struct {
	public ssh.PublicKey // may be a certificate
	unlock func() (ssh.Signer, error)
	failed func(error) // told when signing did not work
}

func (o *offer) PublicKey() ssh.PublicKey { return o.public }

func (o *offer) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return o.SignWithAlgorithm(rand, data, "")
}

func (o *offer) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signature, err := o.sign(rand, data, algorithm)
	if err != nil {
		o.failed(err)
	}
	return signature, err
}

func (o *offer) sign(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := o.unlock()
	if err != nil {
		return nil, err
	}
	if by, ok := signer.(ssh.AlgorithmSigner); ok {
		return by.SignWithAlgorithm(rand, data, algorithm)
	}
	if algorithm != "" && algorithm != o.public.Type() {
		return nil, errors.New("the key cannot sign with " + algorithm)
	}
	return signer.Sign(rand, data)
}

// certificates are read from files; one that is missing or broken is told of
// through note.
func certificates(files []string, note func(error)) []*ssh.Certificate {
	var all []*ssh.Certificate
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			note(err)
			continue
		}
		cert, ok := parsePublic(text).(*ssh.Certificate)
		if !ok {
			note(errors.New(file + " is not a certificate"))
			continue
		}
		all = append(all, cert)
	}
	return all
}

// certified puts before each offer the certificates for its key.
func certified(offers []*offer, certs []*ssh.Certificate) []*offer {
	var all []*offer
	for _, o := range offers {
		for _, cert := range certs {
			if sameKey(cert.Key, o.public) {
				all = append(all, &offer{public: cert, unlock: o.unlock, failed: o.failed})
			}
		}
		all = append(all, o)
	}
	return all
}

// plain is the key itself, of a certificate too.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}
