// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devidp

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"sigs.k8s.io/yaml"
)

// Config says who can get a token. It is read from YAML, strictly.
type Config struct {
	// Users can log in.
	Users []User `json:"users"`
	// Clients are the applications that may ask for tokens.
	Clients []Client `json:"clients"`
	// Audiences are those that a token can be asked for.
	Audiences []string `json:"audiences"`
}

// User is a person.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Email    string `json:"email"`
	FullName string `json:"fullName,omitempty"`
	// Claims go into every token of the user's.
	Claims map[string]any `json:"claims,omitempty"`
}

// subject is the user's sub.
func (u User) subject() string { return "dev|" + u.Name }

// Client is an application.
type Client struct {
	ID string `json:"id"`
	// Secret lets the application act on its own; without one it is public and can only act for users.
	Secret string `json:"secret,omitempty"`
	// Claims go into the tokens that it gets for itself.
	Claims map[string]any `json:"claims,omitempty"`
}

// reserved are claims that a user's cannot set.
var reserved = []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "azp"}

// ReadConfig reads a Config from a file and says everything that is wrong with it.
func ReadConfig(file string) (Config, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read the users file: %w", err)
	}
	var c Config
	if err := yaml.UnmarshalStrict(raw, &c); err != nil {
		return Config{}, fmt.Errorf("read the users file: %w", err)
	}
	return c, c.check()
}

func (c Config) check() error {
	var problems []error
	names := map[string]bool{}
	for i, u := range c.Users {
		if err := u.check(); err != nil {
			problems = append(problems, fmt.Errorf("users[%d]: %w", i, err))
		}
		if names[u.Name] {
			problems = append(problems, fmt.Errorf("users[%d]: the name %q is taken", i, u.Name))
		}
		names[u.Name] = true
	}
	for i, cl := range c.Clients {
		if cl.ID == "" {
			problems = append(problems, fmt.Errorf("clients[%d]: id must be set", i))
		}
	}
	if len(c.Audiences) == 0 {
		problems = append(problems, errors.New("audiences must have an entry: no token could be asked for"))
	}
	return errors.Join(problems...)
}

func (u User) check() error {
	if u.Name == "" || u.Password == "" {
		return errors.New("name and password must be set")
	}
	for k := range u.Claims {
		if slices.Contains(reserved, k) {
			return fmt.Errorf("the claim %q is the provider's", k)
		}
	}
	return nil
}
