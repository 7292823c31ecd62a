// Package secure is TLS for the load generator and the model servers: HTTP/2 only, one authority, TLS 1.3.
package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
)

// Name is what the certificate is for, and what is asked for by SNI.
const Name = "localhost"

// Files of a folder of certificates.
const (
	CA   = "ca.crt"
	Cert = "tls.crt"
	Key  = "tls.key"
)

var protocols = []string{"h2"}

// Dial opens a connection to address; folder "" means plain text.
func Dial(address, folder string) (net.Conn, error) {
	if folder == "" {
		return net.Dial("tcp", address)
	}
	text, err := os.ReadFile(filepath.Join(folder, CA))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	config := &tls.Config{RootCAs: roots, ServerName: Name, NextProtos: protocols, MinVersion: tls.VersionTLS13}
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol != protocols[0] {
		return nil, errors.New("h2 was not agreed on")
	}
	return conn, nil
}

// Listen listens on address; folder "" means plain text.
func Listen(address, folder string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil || folder == "" {
		return listener, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, Cert), filepath.Join(folder, Key))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: protocols, MinVersion: tls.VersionTLS13}
	return tls.NewListener(listener, config), nil
}
