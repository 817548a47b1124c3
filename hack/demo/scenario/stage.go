// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// What the sample manifests say of Databricks and the identity provider.
const (
	workspaceURL = "https://main.databricks.svc"
	indexName    = "main.knowledge.handbook_index"
	supervisor   = "sales-supervisor"
	// genieRate is what this workspace takes in a minute: the demo asks more often than five times.
	genieRate     = 90
	dataTeamID    = "0a0a0a0a-0000-4000-8000-000000000002"
	issuerURL     = "https://idp.idp.svc/"
	resourceURL   = "https://tools.sales.svc/mcp"
	roleClaim     = "https://gatehouse.dev/role"
	serverName    = "governed-tools"
	samplesSpace  = "sales"
	partnerSpace  = "partner-acme"
	partnerUser   = "acme"
	operatorSpace = env.OperatorNamespace
)

// roles are the six of the sample, in the order of the matrix; each has a user of its name.
var roles = []string{"west-sales", "east-sales", "managers", "executive", "finance", "admin"}

// passwords are what the demo made up, kept for its next run.
type passwords map[string]string

// secret is a generated value that stays the same over runs.
func (d *demo) secret(name string) (string, error) {
	file := filepath.Join(d.work(), "passwords.json")
	if d.passwords == nil {
		d.passwords = passwords{}
		if raw, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(raw, &d.passwords); err != nil {
				return "", fmt.Errorf("read %s: %w", file, err)
			}
		}
	}
	if d.passwords[name] == "" {
		raw := make([]byte, 16)
		if _, err := rand.Read(raw); err != nil {
			return "", err
		}
		d.passwords[name] = hex.EncodeToString(raw)
		all, err := json.Marshal(d.passwords)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(file, all, 0o600); err != nil {
			return "", err
		}
	}
	return d.passwords[name], nil
}

// stage runs the emulator and the identity provider, and fills the emulator with
// the tables of the sample, as a data team would.
func (d *demo) stage(ctx context.Context, _ *Result) error {
	var err error
	if d.authority, err = openAuthority(d.work()); err != nil {
		return err
	}
	emulator, err := d.emulatorFiles(ctx)
	if err != nil {
		return err
	}
	idp, err := d.idpFiles()
	if err != nil {
		return err
	}
	github, err := d.certificate("api.github.svc")
	if err != nil {
		return err
	}
	if github["token"], err = d.secret("github"); err != nil {
		return err
	}
	if err := d.deployStage(ctx, emulator, idp, github); err != nil {
		return err
	}
	d.net = newNetwork(d.rest, d.authority.pem)
	for _, w := range []struct{ namespace, name string }{{"databricks", "emulator"}, {"idp", "idp"}, {"github", "github"}} {
		if err := d.waitDeployment(ctx, w.namespace, w.name); err != nil {
			return err
		}
		d.say("   %s runs in the namespace %s", w.name, w.namespace)
	}
	return d.fill(ctx)
}

// certificate makes a certificate once and keeps it: a new one would restart what uses it.
func (d *demo) certificate(names ...string) (map[string]string, error) {
	base := filepath.Join(d.work(), names[0])
	certPEM, err1 := os.ReadFile(base + ".crt")
	keyPEM, err2 := os.ReadFile(base + ".key")
	if err1 != nil || err2 != nil {
		var err error
		if certPEM, keyPEM, err = d.authority.issue(names...); err != nil {
			return nil, err
		}
		if err := errors.Join(os.WriteFile(base+".key", keyPEM, 0o600), os.WriteFile(base+".crt", certPEM, 0o600)); err != nil {
			return nil, err
		}
	}
	return map[string]string{"tls.crt": string(certPEM), "tls.key": string(keyPEM), "ca.crt": string(d.authority.pem)}, nil
}

// emulatorFiles configure the emulator: the operator signs in with its projected
// token, so that the emulator is told the cluster's issuer and keys.
func (d *demo) emulatorFiles(ctx context.Context) (map[string]string, error) {
	files, err := d.certificate("accounts.databricks.svc", "main.databricks.svc")
	if err != nil {
		return nil, err
	}
	cluster := discovery.NewDiscoveryClientForConfigOrDie(d.rest).RESTClient()
	raw, err := cluster.Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's issuer: %w", err)
	}
	var found struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return nil, fmt.Errorf("read the cluster's issuer: %w", err)
	}
	keys, err := cluster.Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's keys: %w", err)
	}
	if files["data-team-secret"], err = d.secret("data-team"); err != nil {
		return nil, err
	}
	files["cluster-jwks.json"] = string(keys)
	bootstrap, err := yaml.Marshal(map[string]any{
		"accountID": env.AccountID, "workspace": map[string]string{"id": env.WorkspaceID},
		"warehouses":   []any{map[string]string{"id": env.WarehouseID, "name": "Sales"}},
		"genie":        genieBootstrap,
		"vectorSearch": vectorSearchBootstrap,
		"serving":      servingBootstrap,
		"connections":  map[string]string{"caFile": "/config/ca.crt"},
		"principals": []any{
			map[string]any{
				"displayName": "Gatehouse operator", "applicationID": env.OperatorID, "accountAdmin": true, "workspace": "ADMIN",
				"federationPolicies": []any{map[string]any{
					"issuer": found.Issuer, "audiences": []string{"databricks"}, "jwksFile": "/config/cluster-jwks.json",
					"subject": "system:serviceaccount:" + operatorSpace + ":gatehouse-operator",
				}},
			},
			map[string]any{"displayName": "Data team", "applicationID": dataTeamID, "accountAdmin": true, "workspace": "ADMIN", "secretFile": "/config/data-team-secret"},
		},
	})
	files["bootstrap.yaml"] = string(bootstrap)
	return files, err
}

// idpFiles say who can log in: a user for each role, and one of the partner's.
func (d *demo) idpFiles() (map[string]string, error) {
	files, err := d.certificate("idp.idp.svc")
	if err != nil {
		return nil, err
	}
	var users []any
	for _, role := range append([]string{partnerUser}, roles...) {
		password, err := d.secret(role)
		if err != nil {
			return nil, err
		}
		claim := role
		if role == partnerUser {
			claim = partnerSpace + "/west-sales"
		}
		users = append(users, map[string]any{"name": role, "password": password, "email": role + "@example.com", "claims": map[string]string{roleClaim: claim}})
	}
	raw, err := yaml.Marshal(map[string]any{"users": users, "clients": []any{map[string]string{"id": "demo"}}, "audiences": []string{resourceURL}})
	files["users.yaml"] = string(raw)
	return files, err
}

//go:embed manifests/stage.yaml
var stageManifest string

func (d *demo) deployStage(ctx context.Context, emulator, idp, github map[string]string) error {
	all, err := json.Marshal([]any{emulator, idp, github})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(all)
	t, err := template.New("stage").Parse(stageManifest)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]string{
		"EmulatorImage": d.images["databricks-emulator"], "IDPImage": d.images["dev-idp"], "GitHubImage": d.images["dev-github"], "Checksum": hex.EncodeToString(sum[:8]),
	}); err != nil {
		return err
	}
	for _, s := range []struct {
		namespace, name string
		files           map[string]string
	}{{"databricks", "emulator", emulator}, {"idp", "idp", idp}, {"github", "github", github}} {
		raw, err := yaml.Marshal(corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.name}, StringData: s.files,
		})
		if err != nil {
			return err
		}
		out.WriteString("---\n")
		out.Write(raw)
	}
	file := filepath.Join(d.work(), "stage.yaml")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		return err
	}
	return d.apply(ctx, "-f", file)
}
