// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
)

// Credentials are the contents of three files: the authority's certificate, and the holder's certificate and key.
type Credentials struct {
	Authority, Certificate, Key []byte
}

// Kubeconfig returns the text of a kubeconfig that holds its credentials itself. Cluster and context are called after the
// instance, so that files of several instances can be merged.
func Kubeconfig(i instance.Instance, user string, credentials Credentials) ([]byte, error) {
	name := "gatehouse-" + i.Name
	config := api.NewConfig()
	config.Clusters[name] = &api.Cluster{Server: i.APIServer(), CertificateAuthorityData: credentials.Authority}
	config.AuthInfos[name+"-"+user] = &api.AuthInfo{
		ClientCertificateData: credentials.Certificate,
		ClientKeyData:         credentials.Key,
	}
	config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name + "-" + user}
	config.CurrentContext = name
	text, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig of %s: %w", user, err)
	}
	return text, nil
}
