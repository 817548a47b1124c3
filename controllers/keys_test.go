// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

func sealingKeys(s *v1alpha1.MCPServer) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name + "-sealing-keys"}}
}

var _ = It("gives each server a Secret of sealing keys that belongs to it", func() {
	e := newEstate().create()
	secret := sealingKeys(e.Server)
	Eventually(func() error { return fetch(secret) }).Should(Succeed())
	Expect(string(secret.Type)).To(Equal("gatehouse.dev/sealing-keys"))
	Expect(metav1.IsControlledBy(secret, e.Server)).To(BeTrue())
	_, err := seal.NewKeyring(secret.Data)
	Expect(err).NotTo(HaveOccurred())
	Eventually(func(g Gomega) {
		g.Expect(fetch(e.Server)).To(Succeed())
		g.Expect(e.Server.Status.SealingKeys.IDs).To(HaveLen(len(secret.Data)))
	}).Should(Succeed())
})

var _ = It("leaves a Secret alone that has the name of the sealing keys and is somebody else's", func() {
	e := newEstate()
	secret := sealingKeys(e.Server)
	theirs := secret.DeepCopy()
	theirs.Data = map[string][]byte{"password": []byte("theirs")}
	create(e.Namespaces[0], theirs)
	e.Namespaces = e.Namespaces[1:]
	e.create()
	eventuallySays(e.Server, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOurs, "does not hold sealing keys")
	Expect(fetch(secret)).To(Succeed())
	Expect(secret.Data).To(HaveLen(1))
	Expect(secret.OwnerReferences).To(BeEmpty())
})
