// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package metastore

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// secretOptions are the options of a connection that are never returned.
var secretOptions = []string{
	"bearer_token", "client_secret", "password", "access_token", "personalAccessToken", "pem_private_key", "OAuthPvtKey", "GoogleServiceAccountKeyJson",
}

// httpOptions are the options that a connection of the type HTTP takes.
var httpOptions = []string{
	"host", "port", "base_path", "is_mcp_connection", "bearer_token",
	"client_id", "client_secret", "oauth_scope", "token_endpoint", "authorization_endpoint", "oauth_credential_exchange_method",
}

// Kinds of credentials that a connection holds, as credential_type names them.
const (
	CredentialBearer = "BEARER_TOKEN"
	CredentialM2M    = "OAUTH_M2M"
	// CredentialU2M signs each user in on their own; http_request() cannot use it.
	CredentialU2M = "OAUTH_U2M"
)

// SetOptions checks the options of a connection and writes them into it. plain
// permits http:// on a loopback address, for upstreams that a test starts.
func (o *Object) SetOptions(options map[string]string, plain bool) error {
	for _, k := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(httpOptions, k) {
			return wire.BadParameter("Option " + strconv.Quote(k) + " is not supported for connections of type HTTP.")
		}
	}
	if o.Options["is_mcp_connection"] != options["is_mcp_connection"] && o.Options != nil {
		return wire.BadParameter("Option is_mcp_connection cannot be changed.")
	}
	open, secrets := map[string]string{"port": "443", "base_path": "/"}, map[string]Secret{}
	for k, v := range options {
		switch {
		case strings.ContainsAny(v, "\r\n\x00"):
			return wire.BadParameter("Option " + k + " has a character that is not allowed.")
		case slices.Contains(secretOptions, k):
			secrets[k] = Secret(v)
		default:
			open[k] = v
		}
	}
	o.Options, o.Secrets = open, secrets
	if err := o.checkAddress(plain); err != nil {
		return err
	}
	return o.checkCredential(plain)
}

func (o *Object) checkAddress(plain bool) error {
	u, err := url.Parse(o.Options["host"])
	if err != nil || u.Host == "" || u.Host != u.Hostname() && u.Host != "["+u.Hostname()+"]" ||
		u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || !secureURL(u, plain) {
		return wire.BadParameter("Option host must be an https:// address without a port and a path.")
	}
	if port, err := strconv.Atoi(o.Options["port"]); err != nil || port < 1 || port > 65535 {
		return wire.BadParameter("Option port must be a number from 1 to 65535.")
	}
	if base := o.Options["base_path"]; !strings.HasPrefix(base, "/") || strings.HasPrefix(base, "//") ||
		slices.Contains(strings.Split(base, "/"), "..") || strings.ContainsAny(base, "\\?#%") {
		return wire.BadParameter("Option base_path must be an absolute path.")
	}
	return nil
}

func (o *Object) checkCredential(plain bool) error {
	if o.CredentialType() == "" {
		return wire.BadParameter("Options must have either bearer_token, or client_id, client_secret, oauth_scope and token_endpoint.")
	}
	for _, k := range []string{"token_endpoint", "authorization_endpoint"} {
		if v := o.Options[k]; v != "" {
			if u, err := url.Parse(v); err != nil || u.Host == "" || u.User != nil || !secureURL(u, plain) {
				return wire.BadParameter("Option " + k + " must be an https:// address.")
			}
		}
	}
	return nil
}

// secureURL says whether credentials may be sent to an address.
func secureURL(u *url.URL, plain bool) bool {
	return u.Scheme == "https" || plain && u.Scheme == "http" && Loopback(u.Hostname())
}

// Loopback says whether a host is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// CredentialType is the kind of credential that a connection holds, or "".
func (o Object) CredentialType() string {
	oauth := o.Options["client_id"] != "" && o.Secrets["client_secret"] != "" && o.Options["token_endpoint"] != ""
	switch bearer := o.Secrets["bearer_token"] != ""; {
	case bearer && o.Options["client_id"] == "" && o.Secrets["client_secret"] == "":
		return CredentialBearer
	case bearer || !oauth:
		return ""
	case o.Options["authorization_endpoint"] != "":
		return CredentialU2M
	}
	return CredentialM2M
}

// Address is where a connection leads, such as https://api.example.com:443/v1.
func (o Object) Address() string {
	return strings.TrimSuffix(o.Options["host"], "/") + ":" + o.Options["port"] + o.Options["base_path"]
}

// ConnectionExists is the error for a connection whose name is taken.
func ConnectionExists(name string) error {
	return wire.Invalid("CONNECTION_ALREADY_EXISTS", "Connection '"+name+"' already exists")
}

// MayCreateConnection says whether a principal may make connections.
func (st *Store) MayCreateConnection(principal string) bool {
	return st.Directory.IsAdmin(principal) || st.Holds(principal, Root, "CREATE_CONNECTION")
}
