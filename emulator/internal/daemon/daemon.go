// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drain is how long calls may take to end once the program was told to.
const drain = 5 * time.Second

// TLS is the certificate of a program.
type TLS struct{ cert, key string }

// Flags declares the flags of the certificate.
func (t *TLS) Flags() {
	flag.StringVar(&t.cert, "tls-cert", "", "certificate in PEM; without it plain HTTP is served")
	flag.StringVar(&t.key, "tls-key", "", "key of the certificate in PEM")
}

// On says whether there is a certificate.
func (t TLS) On() bool { return t.cert != "" }

// URL is how a listener that has the certificate is addressed.
func (t TLS) URL(l net.Listener) string {
	if t.On() {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// Server is one HTTP server of a program.
type Server struct {
	*http.Server
	Listener net.Listener
	// TLS is the certificate that it serves with, or none.
	TLS TLS
}

// NewServer makes a server without a certificate.
func NewServer(l net.Listener, h http.Handler) Server {
	return Server{Server: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}, Listener: l}
}

func (s Server) serve() error {
	if s.TLS.On() {
		return s.ServeTLS(s.Listener, s.TLS.cert, s.TLS.key)
	}
	return s.Serve(s.Listener)
}

// Main runs a program until a signal ends it. It exits when run fails.
func Main(name string, run func(ctx context.Context) error) {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// Serve runs servers until the context ends or one of them fails, after it printed how
// they are reached as a line of JSON.
func Serve(ctx context.Context, ready any, servers ...Server) error {
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() { ended <- s.serve() }()
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(end) != nil {
			_ = s.Close() // a call that does not end is cut off
		}
	}
	return nil
}
